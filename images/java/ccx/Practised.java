package ccx.build;

import com.sun.source.util.JavacTask;
import com.sun.tools.javac.api.JavacTaskPool;
import java.io.PrintWriter;
import java.io.Writer;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/**
 * A compiler that has compiled something and knows the platform's classes already, as that of jshell does: most of what a small program
 * takes to compile is to look these up.
 *
 * <p>It serves programs about which there is nothing to be said. Where the compiler has a word to say, be it a note, the program is left to
 * one that knows nothing yet, so that whatever a user reads is javac's own.
 */
final class Practised {
    private final JavacTaskPool pool = new JavacTaskPool(1);
    private final Sources files = new Sources(ToolProvider.getSystemJavaCompiler().getStandardFileManager(null, null, StandardCharsets.UTF_8));
    private boolean isSilent;

    Practised() {
        files.keepsNothing = true;
        if (!compile(List.of(new Sample()), new ArrayList<>())) {
            throw new IllegalStateException("the sample does not compile");
        }
        files.keepsNothing = false;
    }

    /**
     * Whether it compiled without a word; if not, whatever it may have written will be written again. The context is taken up again for the
     * very same options alone: those of a submission that gives none.
     */
    boolean compile(List<String> options, List<String> sources, List<TopLevel> classes) {
        return options.equals(Compile.OPTIONS) && compile(files.of(sources), classes);
    }

    private boolean compile(List<JavaFileObject> units, List<TopLevel> classes) {
        PrintWriter out = new PrintWriter(Writer.nullWriter());
        isSilent = true;
        try {
            boolean isWell = pool.getTask(out, files, said -> isSilent = false, Compile.OPTIONS, null, units, task -> call(task, classes));
            return isWell && isSilent;
        } catch (RuntimeException | StackOverflowError failure) {
            return false; // the other compiler says what there is to say of it
        }
    }

    private static boolean call(JavacTask task, List<TopLevel> classes) {
        task.addTaskListener(Compile.collector(task, classes));
        return task.call();
    }

    /**
     * In a package of its own: the one without a name is the program's, and must not have been looked at. Its name cannot be guessed, for
     * the compiler remembers the class.
     */
    private static final class Sample extends SimpleJavaFileObject {
        Sample() {
            super(URI.create("sample:///Sample.java"), Kind.SOURCE);
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return "package ccx.build.of" + System.nanoTime() + "; class Sample {"
                    + " public static void main(String[] a) { System.out.println(\"a\" + a.length); } }";
        }
    }
}
