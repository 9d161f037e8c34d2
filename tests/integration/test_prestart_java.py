"""Java, prestarted: a program cannot tell, nor can its reader, that one machine has compiled and run it."""

# ruff: noqa: E501  programs are read best in one line

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ccx.wire import Verdict
from ccx_orchestrator.domain.events import StepReport
from tests.support.cold_and_warm import BothWays, Program, both_ways, observed, reports

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("images")]


@pytest.fixture
async def java() -> AsyncIterator[BothWays]:
    async with both_ways("java") as java:
        yield java


def main(body: str, more: str = "", head: str = "") -> str:
    """A class Main with this in its main method."""
    return f"""\
import java.io.*; import java.nio.file.*; import java.util.*; import java.util.concurrent.*; import java.util.stream.*; {head}
public class Main {{
    {more}
    public static void main(String[] args) throws Exception {{
        {body}
    }}
}}
"""


SAY = "System.out.println"
FACTS = main(
    f"""
    {SAY}(List.of(args) + " " + Main.class.getClassLoader().getClass() + Main.class.getClassLoader().getName() + Main.class.getModule());
    {SAY}(ClassLoader.getSystemClassLoader() == Main.class.getClassLoader());
    {SAY}(Thread.currentThread().getContextClassLoader() == Main.class.getClassLoader());
    {SAY}(Main.class.getProtectionDomain().getCodeSource().getLocation());
    System.getProperties().entrySet().stream().map(Object::toString).filter(p -> !p.startsWith("line.sep")).sorted().forEach(System.out::println);
    {SAY}(new TreeMap<>(System.getenv()));
    {SAY}(Runtime.getRuntime().maxMemory() + " " + Runtime.getRuntime().availableProcessors());
    Thread.getAllStackTraces().keySet().stream().map(t -> t.getName() + t.isDaemon() + t.getThreadGroup() + t.getPriority()).sorted().forEach(System.out::println);
    {SAY}(Thread.currentThread() + " " + Thread.currentThread().threadId() + " " + Thread.activeCount());
    {SAY}(Arrays.toString(Thread.currentThread().getStackTrace()) + Arrays.toString(new Throwable().getStackTrace()));
    {SAY}(StackWalker.getInstance().walk(Stream::count) + " " + System.getSecurityManager());
    {SAY}(Locale.getDefault() + " " + java.nio.charset.Charset.defaultCharset() + " " + TimeZone.getDefault().getID());
    {SAY}(System.in.getClass() + " " + System.out.getClass() + System.out.charset() + System.err.charset() + System.console());
    {SAY}(Arrays.toString(new File("/proc/self/fd").list()).contains("socket"));
    {SAY}(Main.class.getResource("Main.class") + " " + ClassLoader.getSystemResource("data.txt"));
    {SAY}(new File("").getAbsolutePath() + " " + Arrays.toString(Arrays.stream(new File(".").list()).sorted().toArray()));
    {SAY}(Files.readString(Path.of("/proc/self/status")).lines().filter(l -> l.startsWith("Sig") || l.startsWith("Cap") || l.startsWith("Shd")).filter(l -> !l.startsWith("SigQ")).toList());
    {SAY}(Files.readString(Path.of("/proc/self/limits")).lines().filter(l -> l.startsWith("Max")).toList());
    for (String name : new String[] {{"ccx.build.Compile", "ccx.build.Launch", "Sample", "com.sun.tools.javac.Main"}})
        try {{ {SAY}(Class.forName(name)); }} catch (ClassNotFoundException missing) {{ {SAY}(missing); }}
    for (Object one : ServiceLoader.load(java.nio.file.spi.FileSystemProvider.class)) {SAY}(one.getClass());
    {SAY}(java.util.logging.LogManager.getLogManager().getClass() + " " + Thread.getDefaultUncaughtExceptionHandler());
    """
)
PROGRAMS = [
    Program("hello", main(f'{SAY}("Hello");')),
    Program("nothing", main("")),
    Program("all that can be known of itself", {"Main.java": FACTS, "data.txt": "x"}, {"args": ["a", "", "b c", "ä", "@x", "-X"]}),
    Program("a package", {"Main.java": "package a.b; public class Main { public static void main(String[] args) { " + SAY + "(Main.class + new Part().x()); throw new IllegalStateException(); } }", "Part.java": "package a.b; class Part { String x() { return getClass().getName(); } }"}),
    Program("packages in folders", {"org/one/Main.java": "package org.one; import org.two.Two; public class Main { public static void main(String[] args) { " + SAY + "(Two.X); } }", "org/two/Two.java": "package org.two; public class Two { public static final String X = Two.class.getName(); }"}),
    Program("several classes in a file", "class A { static int x = 1; } class B extends A { } class C { public static void main(String[] a) { " + SAY + "(B.x); new Object() { void f() { " + SAY + "(getClass()); } }.f(); } }"),
    Program("a class of any file name", {"whatever.java": "public class Other { public static void main(String[] a) { " + SAY + "(1); } }"}),
    Program("classes named like ours", {"ccx/build/Compile.java": "package ccx.build; public class Compile { public static void main(String[] a) { " + SAY + "(Launch.x + Compile.class.getClassLoader().getClass()); throw new RuntimeException(); } }", "ccx/build/Launch.java": 'package ccx.build; class Launch { static String x = "mine"; }', "Sample.java": "class Sample { }"}),
    Program("classes named like the library's", {"Main.java": main(f"{SAY}(new Scanner().x + String.valueOf(1));"), "Scanner.java": "class Scanner { int x = 5; }"}),
    Program("a class in a package of the platform", "package java.util; public class Main { public static void main(String[] a) { } }"),
    Program("a compact source file", 'void main() { IO.println("compact"); }'),
    Program("an instance main method", "class Main { Main() { " + SAY + '("made"); } void main(String[] args) { ' + SAY + '(args.length); throw new Error("x"); } }', {"args": ["1"]}),
    Program("a constructor that fails", 'class Main { Main() { throw new Error("no"); } void main() { } }'),
    Program("no main method", "public class Main { }"),
    Program("a main method that cannot be used", "public class Main { static int main(String[] a) { return 0; } }"),
    Program("an inherited main method", "class Base { public static void main(String[] a) { " + SAY + '("base"); } } class Main extends Base { }', {}),
    Program("an enum that starts", "enum Main { A; public static void main(String[] a) { " + SAY + "(A); } }"),
    Program("an interface that starts", "interface Main { static void main(String[] a) { " + SAY + "(Main.class); } }"),
    Program("a record", main(f"{SAY}(new P(1, 2));", "record P(int x, int y) {}")),
    Program("a compile error", main('int x = "text"; y = 1;')),
    Program("a warning", main("List x = new ArrayList(); x.add(1); new Thread().stop();")),
    Program("a source that is not one", "public class {"),
    Program("a source of bytes that are not UTF-8", b'class Main { String x = "\xff"; }'),
    Program("an option of javac", main(f"{SAY}(1);"), {"compile_args": ["-Xlint:all", "-g:none"]}),
    Program("a wrong option of javac", main(""), {"compile_args": ["--nonsense"]}),
    Program("an uncaught exception", main("f(0);", "static int f(int n) { return 1 / n; }")),
    Program("an exception with causes", main('try { Object o = List.of().get(0); } catch (RuntimeException e) { e.addSuppressed(new Error("s")); throw new IOException("worse", e); }')),
    Program("an exception in a lambda", main("IntStream.of(1).map(n -> n / 0).sum();")),
    Program("an exception by reflection", main('Main.class.getDeclaredMethod("f").invoke(null);', 'static void f() { throw new Error("f"); }')),
    Program("an exception in a thread", main(f'Thread t = new Thread(() -> {{ throw new Error("t"); }}); t.start(); t.join(); {SAY}("goes on");')),
    Program("a handler of uncaught exceptions", main('Thread.setDefaultUncaughtExceptionHandler((t, e) -> System.out.println(t.getName() + e)); throw new Error("x");')),
    Program("a static initialiser", main(f'{SAY}("main");', f'static int x; static {{ x = 3; {SAY}("static " + x); }}')),
    Program("a static initialiser that fails", main(f'{SAY}("never");', 'static int x = Integer.parseInt("x");')),
    Program("System.exit", main('try { System.exit(42); } finally { System.out.println("never"); }')),
    Program("System.exit of another thread", main("new Thread(() -> System.exit(7)).start(); Thread.sleep(50000);")),
    Program("System.exit in a static initialiser", main("", "static { System.exit(9); }")),
    Program("halt", main('System.out.print("x"); Runtime.getRuntime().halt(3);')),
    Program("shutdown hooks", main(f'Runtime.getRuntime().addShutdownHook(new Thread(() -> {SAY}("hook"))); {SAY}("main");')),
    Program("shutdown hooks after an exception", main(f'Runtime.getRuntime().addShutdownHook(new Thread(() -> {SAY}("hook"))); throw new Error();')),
    Program("threads left running", main(f'new Thread(() -> {{ try {{ Thread.sleep(200); }} catch (InterruptedException e) {{ }} {SAY}("thread"); }}).start(); {SAY}("main");')),
    Program("a daemon left running", main(f'Thread t = new Thread(() -> {{ while (true) Thread.onSpinWait(); }}); t.setDaemon(true); t.start(); {SAY}("main");')),
    Program("a thread that never ends", main("new Thread(() -> { while (true) Thread.onSpinWait(); }).start();"), {"limits": {"cpu_seconds": 0.5}}),
    Program("an executor that is not shut down", main("Executors.newFixedThreadPool(1).submit(() -> System.out.println(1));"), {"limits": {"wall_seconds": 1}}),
    Program("virtual threads", main(f"try (var e = Executors.newVirtualThreadPerTaskExecutor()) {{ {SAY}(e.submit(() -> Thread.currentThread().isVirtual()).get()); }}")),
    Program("input", main(f"Scanner in = new Scanner(System.in); {SAY}(in.nextInt() + in.nextInt()); in.nextLine(); {SAY}(in.nextLine());"), {"stdin": "1 2\nline ä\n"}),
    Program("no input", main(f"{SAY}(System.in.read()); new Scanner(System.in).nextInt();")),
    Program("input to the last byte", main(f'byte[] all = System.in.readAllBytes(); {SAY}(all.length + " " + Arrays.hashCode(all));'), {"stdin": "xyz" * 100_000}),
    Program("deep recursion", main("f();", "static void f() { f(); }")),
    Program("deep recursion that is caught", main(f"try {{ f(); }} catch (StackOverflowError e) {{ {SAY}(n > 5000 && n < 100000); }}", "static int n; static void f() { n++; f(); }")),
    Program("more heap than there is", main("List<byte[]> all = new ArrayList<>(); while (true) all.add(new byte[1 << 20]);")),
    Program("more heap than there is, caught", main(f"try {{ byte[][] all = new byte[9999][]; for (int i = 0; i < 9999; i++) all[i] = new byte[1 << 20]; }} catch (OutOfMemoryError e) {{ {SAY}(e.getMessage()); }}")),
    Program("nearly all of the heap", main(f"List<byte[]> all = new ArrayList<>(); for (int i = 0; i < 230; i++) all.add(new byte[1 << 20]); {SAY}(all.size());")),
    Program("a heap of another size", main(f"{SAY}(Runtime.getRuntime().maxMemory() >> 20); int[] x = new int[30_000_000];"), {"limits": {"memory_bytes": 256 << 20}}),
    Program("more CPU time than allowed", main(f'{SAY}("begin"); while (true);'), {"limits": {"cpu_seconds": 0.5}}),
    Program("more time than allowed", main(f'{SAY}("begin"); Thread.sleep(50000);'), {"limits": {"wall_seconds": 1}}),
    Program("more output than allowed", main(f'while (true) {SAY}("xxxxxxxxxxxxxxxxxxxx");')),
    Program("a larger file than allowed", main('Files.write(Path.of("x"), new byte[2_000_000]);'), {"limits": {"file_bytes": 1_000_000}}),
    Program("a file", main('Files.writeString(Path.of("out.txt"), Files.readString(Path.of("in.txt")) + "!");'), {"artifacts": ["out.txt"]}),
    Program("children", main(f'Process p = Runtime.getRuntime().exec(new String[] {{"sh", "-c", "echo child; ls /proc/self/fd | wc -l; exit 3"}}); {SAY}(new String(p.getInputStream().readAllBytes()) + p.waitFor());')),
    Program("a child with our streams", main(f'{SAY}(new ProcessBuilder("cat").inheritIO().start().waitFor());'), {"stdin": "to the child"}),
    Program("a child left running", main('new ProcessBuilder("sleep", "100").start(); System.out.println("main");')),
    Program("itself, started again", main(f'if (args.length > 0) {SAY}("again " + args[0]); else {SAY}(new ProcessBuilder("java", "-cp", ".", "Main", "x").inheritIO().start().waitFor());')),
    Program("closed streams", main("System.out.close(); System.err.close(); System.in.close(); System.exit(4);")),
    Program("a resource", {"Main.java": main(f'{SAY}(new String(Main.class.getResourceAsStream("/data.txt").readAllBytes()));'), "data.txt": "data"}),
    Program("a compiler of its own", main(f'{SAY}(javax.tools.ToolProvider.getSystemJavaCompiler().run(null, null, null, "-version"));')),
    Program("a class loader of its own", main(f'{SAY}(new java.net.URLClassLoader(new java.net.URL[0], null).getParent()); Class.forName("Missing");')),
    Program("assertions", main(f"assert false; {SAY}(Main.class.desiredAssertionStatus());")),
    Program("services of its own", {"Main.java": main(f"for (Runnable r : ServiceLoader.load(Runnable.class)) {SAY}(r.getClass());"), "Mine.java": "public class Mine implements Runnable { public void run() { } }", "META-INF/services/java.lang.Runnable": "Mine"}),
    Program("a class that is no source", {"Main.java": main(f"{SAY}(1);"), "ccx/build/Launch.class": b"\xca\xfe\xba\xbe"}),
    Program("what does not compile", {"Main.java": main("int x = y; String s = 1;"), "Part.java": "class Part { void f() { return 1; } }"}),
    Program("a class that is there twice", {"Main.java": main(""), "Other.java": "class Main { }"}),
    Program("notes of the compiler", main("List raw = new ArrayList(); raw.add(1); new Integer(1); Thread.currentThread().stop();")),
    Program("a warning of the compiler", main(f"int x = 1; {SAY}(x); Thread.currentThread().suspend(); byte b = (byte) 300; new Object() {{ protected void finalize() {{ }} }};")),
    Program("nothing but a package", {"Main.java": "package a.b;"}),
    Program("a module", {"Main.java": main(f"{SAY}(Main.class.getModule());"), "module-info.java": "module mine { requires java.logging; }"}),
    Program("lambdas, records, patterns", main(f'Object o = new Point(1, 2); if (o instanceof Point(int x, var y)) {SAY}(Stream.of(x, y).map(i -> i + "!").collect(Collectors.joining(","))); {SAY}(switch (o) {{ case Point p when p.x() > 5 -> "far"; case Point p -> p.toString(); default -> "else"; }});', "record Point(int x, int y) { } sealed interface Shape permits Round { } record Round() implements Shape { } enum Side { LEFT { int v() { return 1; } }; abstract int v(); }")),
    Program("imports of packages that are not there", main("", head="import nowhere.at.all.*; import java.util.Nothing;")),
    Program("cases", main(f'{SAY}(args.length + new Scanner(System.in).next()); new File("kept").createNewFile(); {SAY}(new File(".").list().length);'), {"cases": [{"stdin": "1"}, {"stdin": "2", "args": ["a"]}, {"stdin": "3"}]}),
    Program("locales and formats", main(f'{SAY}(String.format("%,.2f %tA", 12345.678, new GregorianCalendar(2020, 1, 1)) + "ß".toUpperCase() + java.time.LocalDate.of(2020, 1, 1));')),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_programs_behave_the_same_both_ways(java: BothWays) -> None:
    assert await java.differences(PROGRAMS) == []


async def test_what_was_done_before_the_program_came_is_not_charged_to_it(java: BothWays) -> None:
    """To start the machine and to compile once is about a third of the processor time. A neighbour on the host can
    make any one measurement longer, never shorter: the shortest of some is compared.
    """
    hello = Program("hello", main(f'{SAY}("Hello");'))
    ahead, plain = [[reports(await java.events(hello, prestarted=one)) for _ in range(3)] for one in (True, False)]
    for step, share in ((0, 0.85), (1, 1.0)):
        assert _least_cpu_seconds(ahead, step) < share * _least_cpu_seconds(plain, step)
    assert ahead[0][1].memory_bytes == pytest.approx(plain[0][1].memory_bytes, rel=0.3)


def _least_cpu_seconds(runs: list[list[StepReport]], step: int) -> float:
    return min(reports[step].cpu_seconds for reports in runs)


async def test_the_memory_of_a_program_is_its_own(java: BothWays) -> None:
    large = Program("large", main("byte[] x = new byte[100_000_000]; Arrays.fill(x, (byte) 1);"))
    ahead, plain = await asyncio.gather(java.events(large, prestarted=True), java.events(large, prestarted=False))
    assert reports(ahead)[1].memory_bytes == pytest.approx(reports(plain)[1].memory_bytes, rel=0.3)


PLUGIN = """\
import com.sun.source.util.*;
public class Plug implements Plugin {
    public String getName() { return "plug"; }
    public boolean autoStart() { return true; }
    public void init(JavacTask task, String... args) { System.err.println("the submission runs in the compiler"); System.exit(0); }
}
"""


async def test_the_submission_does_not_run_in_the_compiler_of_a_prestarted_machine(java: BothWays) -> None:
    """javac would start a plugin that is on its class path. It is left to a machine that ends with the compiler."""
    made = await java.events(Program("make", {"Plug.java": PLUGIN}, {"artifacts": ["Plug.class"]}), prestarted=False)
    (artifact,) = observed(made).artifacts
    assert artifact.error is None
    files: dict[str, str | bytes] = {
        "Main.java": main(""),
        "Plug.class": artifact.data,
        "META-INF/services/com.sun.source.util.Plugin": "Plug",
    }
    ahead, plain = await java.compare(Program("plugin", files))
    assert ahead == plain
    assert ahead.verdict is not Verdict.INTERNAL_ERROR


async def test_classes_without_sources_are_found_both_ways(java: BothWays) -> None:
    """The waiting compiler has looked at no package of the submission's, not even at the one without a name."""
    sources: dict[str, str | bytes] = {
        "Part.java": f'public class Part {{ public static String x = "part"; public static void main(String[] a) {{ {SAY}(org.Whole.x); }} }}',
        "org/Whole.java": 'package org; public class Whole { public static String x = "whole"; }',
    }
    made = await java.events(
        Program("make", sources, {"artifacts": ["Part.class", "org/Whole.class"]}), prestarted=True
    )
    files: dict[str, str | bytes] = {"Main.java": main(f"{SAY}(Part.x + org.Whole.x);")}
    files |= {one.name: one.data for one in observed(made).artifacts}
    ahead, plain = await java.compare(Program("classes", files))
    assert ahead == plain
    assert ahead.verdict is Verdict.OK
