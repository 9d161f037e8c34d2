package ccx.build;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.ForwardingJavaFileObject;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;

/** The standard file manager, for sources whose names need not fit. */
final class Sources extends ForwardingJavaFileManager<StandardJavaFileManager> {
    /** Whether what is compiled is thrown away. */
    boolean keepsNothing;

    Sources(StandardJavaFileManager files) {
        super(files);
    }

    List<JavaFileObject> of(List<String> names) {
        List<JavaFileObject> found = new ArrayList<>();
        fileManager.getJavaFileObjects(names.toArray(String[]::new)).forEach(file -> found.add(new AnyName(file)));
        return found;
    }

    // The standard file manager takes its own file objects only.

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
        return keepsNothing ? new Nothing(kind) : super.getJavaFileForOutput(location, name, kind, unwrap(sibling));
    }

    @Override
    public FileObject getFileForOutput(Location location, String packageName, String name, FileObject sibling) throws IOException {
        return super.getFileForOutput(location, packageName, name, unwrap(sibling));
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

    private static final class Nothing extends SimpleJavaFileObject {
        Nothing(Kind kind) {
            super(URI.create("nothing:///"), kind);
        }

        @Override
        public OutputStream openOutputStream() {
            return OutputStream.nullOutputStream();
        }
    }
}
