/** Curves of a machine, drawn by uPlot; loaded when it is needed. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Curve {
  add(seconds: number, cpu: number, memory: number): void;
  destroy(): void;
}

const SHOWN = 120; // readings

export function curve(host: HTMLElement, words: { cpu: string; memory: string }): Curve {
  const ink = (name: string) => colorOf(host, name);
  const data: [number[], number[], number[]] = [[], [], []];
  const axis = { stroke: ink("--dim"), grid: { stroke: ink("--line"), width: 1 }, ticks: { show: false }, font: "11px sans-serif" };
  const plot = new uPlot(
    {
      width: host.clientWidth,
      height: 96,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: [0, 100] } },
      axes: [{ ...axis, show: false }, { ...axis, size: 30, splits: [0, 50, 100], values: (_, values) => values.map((value) => `${value}%`) }],
      series: [{}, { label: words.cpu, stroke: ink("--accent"), width: 2, points: { show: false } }, { label: words.memory, stroke: ink("--second"), width: 2, dash: [4, 3], points: { show: false } }],
    },
    data,
    host,
  );
  const observer = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: 96 }));
  observer.observe(host);
  return {
    add(seconds, cpu, memory) {
      if (data[0].at(-1) === seconds) return;
      [seconds, cpu, memory].forEach((value, index) => {
        data[index]?.push(value);
        if ((data[index]?.length ?? 0) > SHOWN) data[index]?.shift();
      });
      plot.setData(data);
    },
    destroy() {
      observer.disconnect();
      plot.destroy();
    },
  };
}

/** A colour of the style sheet as it is in the theme of the moment: a canvas knows no variables. */
function colorOf(host: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  host.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}
