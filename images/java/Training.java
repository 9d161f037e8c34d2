import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Scanner;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What people's first programs are made of. It is compiled and run once when the image is built, so that the archives which the virtual
 * machine starts from hold the classes that such programs need. What it prints is nobody's business.
 */
public class Training {
    sealed interface Shape permits Circle, Square {}

    record Circle(double radius) implements Shape {}

    record Square(double side) implements Shape {}

    enum Colour {
        RED,
        GREEN
    }

    static class Account {
        private long balance;

        void withdraw(long amount) throws Exception {
            if (amount > balance) {
                throw new IllegalStateException("not enough: " + balance + " < " + amount);
            }
            balance -= amount;
        }
    }

    static <T extends Comparable<T>> T greatest(List<T> items) {
        return items.stream().max(Comparable::compareTo).orElseThrow();
    }

    static double area(Shape shape) {
        return switch (shape) {
            case Circle(double radius) -> Math.PI * radius * radius;
            case Square(double side) -> side * side;
        };
    }

    @SuppressWarnings("unchecked")
    static List<String> words() {
        return (List<String>) (Object) new ArrayList<>(List.of("b", "a", "c"));
    }

    static List deprecatedByAge() { // a warning is wanted here
        return new ArrayList();
    }

    public static void main(String[] args) throws Exception {
        Scanner in = new Scanner(System.in);
        int first = in.nextInt();
        in.nextLine();
        String line = in.hasNextLine() ? in.nextLine() : "";
        System.out.println("Sum: " + (first + Integer.parseInt(line.trim())));
        System.out.printf("%d %5.2f %s %x%n", first, area(new Circle(1.5)), Colour.valueOf("RED"), 255);

        List<String> words = words();
        Collections.sort(words);
        Map<String, Integer> counts = new HashMap<>();
        words.forEach(word -> counts.merge(word, 1, Integer::sum));
        Map<Boolean, List<Integer>> parts =
                IntStream.rangeClosed(1, 10).boxed().collect(Collectors.partitioningBy(number -> number % 2 == 0));
        String joined = words.stream().filter(word -> !word.isBlank()).map(String::toUpperCase).collect(Collectors.joining(", "));
        System.out.println(joined + parts + new TreeMap<>(counts) + greatest(Arrays.asList(3, 1, 2)) + new Square(2) + area(new Square(2)));

        PriorityQueue<int[]> queue = new PriorityQueue<>((left, right) -> Integer.compare(left[0], right[0]));
        queue.add(new int[] {new Random(1).nextInt(9), 1});
        Function<Integer, Integer> square = number -> number * number;
        StringBuilder text = new StringBuilder();
        for (char letter : "hello".toCharArray()) {
            text.append(letter).reverse();
        }
        System.out.println(text + String.format("%s|%-5s|", square.apply(queue.peek()[1]), String.join("-", words)) + new HashSet<>(words)
                + new LinkedHashMap<>(counts) + Arrays.toString(new int[] {1, 2}) + """
                text %s""".formatted(line));

        AtomicInteger done = new AtomicInteger();
        Thread thread = new Thread(done::incrementAndGet);
        thread.start();
        thread.join();
        try (ExecutorService pool = Executors.newFixedThreadPool(2)) {
            pool.submit(done::incrementAndGet).get();
        }
        try {
            new Account().withdraw(5);
        } catch (IllegalStateException expected) {
            System.err.println(expected.getMessage());
        }
        Object value = deprecatedByAge().isEmpty() ? 7L : "seven";
        System.out.println(value instanceof Long number && number > 5 ? done : value);
        throw new IllegalArgumentException("an end like many");
    }
}
