import java.io.File;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Scanner;

/** Does what its first argument says. versatile.py and versatile.c do the same, each in its own way. */
public class Versatile {
    public static void main(String[] arguments) throws Exception {
        String action = arguments[0];
        String more = arguments.length > 1 ? arguments[1] : "";
        if (List.of("spin", "sleep", "hog", "file", "multiply").contains(action)) {
            System.out.println("before");
            System.out.flush();
        }
        switch (action) {
            case "nothing" -> { }
            case "echo" -> System.in.transferTo(System.out);
            case "count" -> System.out.println(System.in.readAllBytes().length);
            case "arguments" -> Arrays.stream(arguments).skip(1).forEach(System.out::println);
            case "spin" -> spin();
            case "sleep" -> Thread.sleep(1000 * Integer.parseInt(more));
            case "hog" -> hog();
            case "flood" -> pour(System.out, Long.parseLong(more));
            case "file" -> pour(new FileOutputStream("large"), Long.parseLong(more));
            case "multiply" -> multiply(Integer.parseInt(more));
            case "traces" -> leaveTraces();
            case "artifacts" -> makeArtifacts();
            case "add" -> add();
            case "exit" -> System.exit(Integer.parseInt(more));
            default -> throw new IllegalArgumentException(action);
        }
        System.out.flush();
    }

    private static void spin() {
        for (long turns = 0; ; turns++) {
            Thread.onSpinWait();
        }
    }

    private static void hog() {
        List<byte[]> kept = new ArrayList<>();
        while (true) {
            kept.add(new byte[1 << 20]);
        }
    }

    private static void pour(OutputStream into, long size) throws Exception {
        byte[] block = new byte[65_536];
        Arrays.fill(block, (byte) 'x');
        for (; size > 0; size -= block.length) {
            into.write(block, 0, (int) Math.min(size, block.length));
        }
        into.flush();
    }

    /** Threads count as processes do. */
    private static void multiply(int many) {
        for (int i = 0; i < many; i++) {
            Thread thread = new Thread(() -> {
                try {
                    Thread.sleep(30_000);
                } catch (InterruptedException ended) {
                    Thread.currentThread().interrupt();
                }
            });
            thread.setDaemon(true);
            thread.start();
        }
        System.out.println("all there");
    }

    private static void leaveTraces() throws Exception {
        String[] found = new File(".").list((folder, name) -> name.endsWith(".trace"));
        System.out.println(found.length == 0 ? "nothing" : String.join(" ", found));
        for (String place : List.of(".", "/tmp", "/dev/shm")) {
            Files.createFile(Path.of(place, "left.trace"));
        }
    }

    private static void makeArtifacts() throws Exception {
        byte[] all = new byte[256];
        for (int i = 0; i < all.length; i++) {
            all[i] = (byte) i;
        }
        Files.write(Path.of("plain.bin"), all);
        Files.createSymbolicLink(Path.of("link"), Path.of("/etc/passwd"));
        Files.createDirectory(Path.of("folder"));
        Files.createDirectories(Path.of("deep/er"));
        Files.writeString(Path.of("deep/er/text.txt"), "täxt\n");
    }

    private static void add() {
        long sum = 0;
        Scanner numbers = new Scanner(System.in);
        while (numbers.hasNextLong()) {
            sum += numbers.nextLong();
        }
        System.out.println(sum);
    }
}
