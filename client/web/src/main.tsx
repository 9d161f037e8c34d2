import { render } from "preact";
import { Shell } from "./shell";
import { begin } from "./state";
import "./style.css";
import { tongue } from "./words";

document.documentElement.lang = tongue.value;
render(<Shell />, document.getElementById("page") as HTMLElement);
void begin();
