package ccx.build;

import com.sun.source.util.JavacTask;
import com.sun.source.util.TaskEvent;
import com.sun.source.util.TaskListener;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.lang.model.element.NestingKind;
import javax.lang.model.element.TypeElement;
import javax.lang.model.util.Elements;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/**
 * javac for people who paste: a public class may be in a file of any name, and the class to start is found.
 *
 * <p>Arguments: the main file, where to write the launcher's argument file (it holds the name of the main class), options of javac,
 * {@code --}, source files. Diagnostics are javac's own, on standard error; so are the exit statuses (0, 1 for errors in the sources,
 * 2 for a wrong option).
 */
public final class Compile {
    /** Without -d, a class of a package would land beside its source instead of in the package's folder. */
    static final List<String> OPTIONS = List.of("-d", ".", "-classpath", ".");

    private static final int OK = 0;
    private static final int ERRORS = 1;
    private static final int WRONG_OPTION = 2;

    private static Practised practised;

    private Compile() {}

    public static void main(String[] arguments) throws IOException {
        compile(arguments);
        end(OK);
    }

    /**
     * The same without an end where it compiles: the name of the class to start. Called from a virtual machine that waits for programs
     * (see parked.c).
     */
    public static String compile(String[] arguments) throws IOException {
        List<String> all = List.of(arguments);
        int separator = all.lastIndexOf("--");
        Path entrypoint = Path.of(all.get(0));
        Path launch = Path.of(all.get(1));
        List<String> options = new ArrayList<>(OPTIONS);
        options.addAll(all.subList(2, separator));
        PrintWriter out = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        List<TopLevel> classes = new ArrayList<>();
        int status = compile(out, options, all.subList(separator + 1, all.size()), classes);
        String name = Launch.choose(entrypoint, classes);
        if (status == OK && name == null) {
            out.println("error: no class declared in " + entrypoint);
            status = ERRORS;
        }
        if (status != OK) {
            end(status);
        }
        Files.writeString(launch, '"' + name + '"' + System.lineSeparator());
        return name;
    }

    /** Called from a virtual machine that waits for programs, before there is one. */
    public static void warmUp() {
        practised = new Practised();
    }

    private static void end(int status) {
        System.err.flush();
        // Threads of an annotation processor do not keep the step alive.
        Runtime.getRuntime().halt(status);
    }

    private static int compile(PrintWriter out, List<String> options, List<String> sources, List<TopLevel> classes) throws IOException {
        if (practised != null && practised.compile(options, sources, classes)) {
            return OK;
        }
        classes.clear();
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (Sources files = new Sources(compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8))) {
            JavacTask task;
            try {
                task = (JavacTask) compiler.getTask(out, files, null, options, null, files.of(sources));
            } catch (IllegalArgumentException | IllegalStateException wrong) {
                out.println(wrong.getMessage().startsWith("error:") ? wrong.getMessage() : "error: " + wrong.getMessage());
                return WRONG_OPTION;
            }
            task.addTaskListener(collector(task, classes));
            return task.call() ? OK : ERRORS;
        }
    }

    /** Looks at every class as soon as the compiler knows all of it. */
    static TaskListener collector(JavacTask task, List<TopLevel> classes) {
        Elements elements = task.getElements();
        return new TaskListener() {
            @Override
            public void finished(TaskEvent event) {
                TypeElement type = event.getTypeElement();
                if (event.getKind() == TaskEvent.Kind.ANALYZE && type != null && type.getNestingKind() == NestingKind.TOP_LEVEL) {
                    classes.add(new TopLevel(
                            Path.of(event.getSourceFile().getName()), elements.getBinaryName(type).toString(), Launch.rank(type, elements)));
                }
            }
        };
    }
}
