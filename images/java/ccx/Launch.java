package ccx.build;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import javax.lang.model.element.ElementKind;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.Modifier;
import javax.lang.model.element.TypeElement;
import javax.lang.model.type.TypeKind;
import javax.lang.model.util.ElementFilter;
import javax.lang.model.util.Elements;

/** Which class does {@code java} start? The launcher's rules of JDK 25, asked of sources. */
final class Launch {
    /** Worse to better. */
    enum Rank {
        NONE,
        LAUNCHABLE,
        CLASSIC
    }

    private Launch() {}

    /**
     * The name of the class to start: of the main file if it has one that can be, else of another file; in one file the classic
     * {@code public static void main(String[])} goes first, then the order of the text. Null only where there is no class at all:
     * the launcher explains best what a class lacks.
     */
    static String choose(Path entrypoint, List<TopLevel> classes) {
        Comparator<TopLevel> startable = Comparator.comparing(type -> type.rank() != Rank.NONE);
        Comparator<TopLevel> mainFile = Comparator.comparing(type -> type.file().normalize().equals(entrypoint.normalize()));
        // max() keeps the last of equals; reversed, that is the first of the text.
        return classes.reversed().stream()
                .max(startable.thenComparing(mainFile).thenComparing(TopLevel::rank))
                .map(TopLevel::name)
                .orElse(null);
    }

    static Rank rank(TypeElement type, Elements elements) {
        List<ExecutableElement> mains = ElementFilter.methodsIn(elements.getAllMembers(type)).stream()
                .filter(Launch::isMain)
                .toList();
        if (mains.stream().anyMatch(Launch::isClassic)) {
            return Rank.CLASSIC;
        }
        boolean launchable = mains.stream().anyMatch(main -> isStatic(main) || canBeCreated(type));
        return launchable ? Rank.LAUNCHABLE : Rank.NONE;
    }

    private static boolean isMain(ExecutableElement method) {
        return method.getSimpleName().contentEquals("main")
                && method.getReturnType().getKind() == TypeKind.VOID
                && !method.getModifiers().contains(Modifier.PRIVATE)
                && !method.getModifiers().contains(Modifier.ABSTRACT)
                && (method.getParameters().isEmpty() || takesArguments(method));
    }

    private static boolean takesArguments(ExecutableElement method) {
        return method.getParameters().size() == 1
                && method.getParameters().getFirst().asType().toString().equals("java.lang.String[]");
    }

    private static boolean isClassic(ExecutableElement main) {
        return takesArguments(main) && main.getModifiers().containsAll(Set.of(Modifier.PUBLIC, Modifier.STATIC));
    }

    private static boolean isStatic(ExecutableElement main) {
        return main.getModifiers().contains(Modifier.STATIC);
    }

    private static boolean canBeCreated(TypeElement type) {
        return type.getKind() != ElementKind.INTERFACE
                && !type.getModifiers().contains(Modifier.ABSTRACT)
                && ElementFilter.constructorsIn(type.getEnclosedElements()).stream()
                        .anyMatch(made -> made.getParameters().isEmpty() && !made.getModifiers().contains(Modifier.PRIVATE));
    }
}
