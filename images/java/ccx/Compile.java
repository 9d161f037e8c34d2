package ccx.build;

import com.sun.source.util.JavacTask;
import com.sun.source.util.TaskEvent;
import com.sun.source.util.TaskListener;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.Writer;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.lang.model.element.NestingKind;
import javax.lang.model.element.TypeElement;
import javax.lang.model.util.Elements;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.ForwardingJavaFileObject;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * javac for people who paste: a public class may be in a file of any name, and the class to start is found.
 *
 * <p>Arguments: the main file, where to write the launcher's argument file (it holds the name of the main class), options of javac,
 * {@code --}, source files. Diagnostics are javac's own, on standard error; so are the exit statuses (0, 1 for errors in the sources,
 * 2 for a wrong option).
 */
public final class Compile {
    private static final int OK = 0;
    private static final int ERRORS = 1;
    private static final int WRONG_OPTION = 2;

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
        // Without -d, a class of a package would land beside its source instead of in the package's folder.
        List<String> options = new ArrayList<>(List.of("-d", ".", "-classpath", "."));
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

    /** Compiles a program to nowhere, so that the next is compiled sooner. Neither reads nor writes the work directory. */
    public static void warmUp() throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        PrintWriter out = new PrintWriter(Writer.nullWriter());
        List<String> options = List.of("-proc:none", "-classpath", "/opt/java/ccx");
        List<TopLevel> classes = new ArrayList<>();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            compile(compiler, out, new Nowhere(files), options, List.of(new Sample()), classes);
        }
        Launch.choose(Path.of(Sample.NAME), classes);
    }

    private static void end(int status) {
        System.err.flush();
        // Threads of an annotation processor do not keep the step alive.
        Runtime.getRuntime().halt(status);
    }

    private static int compile(PrintWriter out, List<String> options, List<String> sources, List<TopLevel> classes) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            List<JavaFileObject> units = new ArrayList<>();
            files.getJavaFileObjects(sources.toArray(String[]::new)).forEach(file -> units.add(new AnyName(file)));
            return compile(compiler, out, new Unwrapping(files), options, units, classes);
        }
    }

    private static int compile(
            JavaCompiler compiler,
            PrintWriter out,
            JavaFileManager files,
            List<String> options,
            List<JavaFileObject> units,
            List<TopLevel> classes) {
        JavacTask task;
        try {
            task = (JavacTask) compiler.getTask(out, files, null, options, null, units);
        } catch (IllegalArgumentException | IllegalStateException wrong) {
            out.println(wrong.getMessage().startsWith("error:") ? wrong.getMessage() : "error: " + wrong.getMessage());
            return WRONG_OPTION;
        }
        task.addTaskListener(collector(task.getElements(), classes));
        return task.call() ? OK : ERRORS;
    }

    /** Looks at every class as soon as the compiler knows all of it. */
    private static TaskListener collector(Elements elements, List<TopLevel> classes) {
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

    /** A source whose name says nothing about the classes in it, as for the JDK's own source launcher. */
    private static final class AnyName extends ForwardingJavaFileObject<JavaFileObject> {
        AnyName(JavaFileObject file) {
            super(file);
        }

        @Override
        public boolean isNameCompatible(String simpleName, Kind kind) {
            // These two are names that mean something.
            boolean special = simpleName.equals("package-info") || simpleName.equals("module-info");
            return special ? super.isNameCompatible(simpleName, kind) : kind == Kind.SOURCE;
        }

        JavaFileObject file() {
            return fileObject;
        }
    }

    /** The standard file manager takes its own file objects only. */
    private static class Unwrapping extends ForwardingJavaFileManager<StandardJavaFileManager> {
        Unwrapping(StandardJavaFileManager files) {
            super(files);
        }

        private static FileObject unwrap(FileObject file) {
            return file instanceof AnyName source ? source.file() : file;
        }

        private static JavaFileObject unwrap(JavaFileObject file) {
            return file instanceof AnyName source ? source.file() : file;
        }

        @Override
        public boolean isSameFile(FileObject one, FileObject other) {
            return super.isSameFile(unwrap(one), unwrap(other));
        }

        @Override
        public String inferBinaryName(Location location, JavaFileObject file) {
            return super.inferBinaryName(location, unwrap(file));
        }

        @Override
        public boolean contains(Location location, FileObject file) throws IOException {
            return super.contains(location, unwrap(file));
        }

        @Override
        public JavaFileObject getJavaFileForOutput(Location location, String name, JavaFileObject.Kind kind, FileObject sibling)
                throws IOException {
            return super.getJavaFileForOutput(location, name, kind, unwrap(sibling));
        }

        @Override
        public FileObject getFileForOutput(Location location, String packageName, String name, FileObject sibling) throws IOException {
            return super.getFileForOutput(location, packageName, name, unwrap(sibling));
        }
    }

    private static final class Nowhere extends Unwrapping {
        Nowhere(StandardJavaFileManager files) {
            super(files);
        }

        @Override
        public JavaFileObject getJavaFileForOutput(Location location, String name, JavaFileObject.Kind kind, FileObject sibling) {
            return new SimpleJavaFileObject(URI.create("nowhere:///" + name.length()), kind) {
                @Override
                public OutputStream openOutputStream() {
                    return OutputStream.nullOutputStream();
                }
            };
        }
    }

    /**
     * The least there is: of what a compile costs, nearly all is paid by any first one. A larger sample saves the program two or three
     * milliseconds and costs thirty times that.
     */
    private static final class Sample extends SimpleJavaFileObject {
        static final String NAME = "Sample.java";

        Sample() {
            super(URI.create("sample:///" + NAME), Kind.SOURCE);
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return "class Sample {}";
        }
    }
}
