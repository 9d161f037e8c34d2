import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.*;

/** What `ccx doctor` runs in a sandbox: tries to pass one limit, or tells what it finds. As probe.py. */
public class Probe {
    static final int MIB = 1 << 20;

    /** The virtual machine limits its own heap. Files are memory as well, and that only the kernel limits. */
    static void allocate() throws IOException {
        for (int i = 0; i < 64; i++)
            Files.write(Path.of("file-" + i), new byte[4 * MIB]);
    }

    static void fork() {
        try {
            for (int i = 0; i < 256; i++)
                Thread.ofPlatform().daemon().start(Probe::sleep);
        } catch (OutOfMemoryError error) {
            System.out.println("refused: " + error.getMessage());
            System.exit(1);
        }
    }

    /** The virtual machine takes the signal that would end another program, and gets an error. */
    static void write() throws IOException {
        try (var file = new FileOutputStream("file")) {
            for (int i = 0; i < 64; i++)
                file.write(new byte[MIB]);
        } catch (IOException error) {
            System.out.println("refused: " + error.getMessage());
            System.exit(1);
        }
    }

    static void flood() {
        for (int i = 0; i < 64; i++)
            System.out.write(new byte[1 << 16], 0, 1 << 16);
    }

    static void burn() {
        var clock = java.lang.management.ManagementFactory.getThreadMXBean();
        while (clock.getCurrentThreadCpuTime() < 2_000_000_000L) {
        }
    }

    static void sleep() {
        try {
            Thread.sleep(3000);
        } catch (InterruptedException end) {
        }
    }

    static void work() {
        long sum = 0;
        for (int i = 0; i < 100_000_000; i++)
            sum += i ^ sum;
        System.setProperty("sum", "" + sum);
    }

    static void network() throws IOException {
        System.out.print("interfaces:");
        Files.lines(Path.of("/proc/net/dev")).skip(2).forEach(line -> System.out.print(" " + line.split(":")[0].strip()));
        System.out.println();
        for (var address : List.of("192.0.2.1", "8.8.8.8", "169.254.169.254"))
            try (var end = new Socket()) {
                end.connect(new InetSocketAddress(address, 53), 1000);
                System.out.println("reached: " + address);
            } catch (SocketTimeoutException wait) {
                System.out.println("route: " + address);
            } catch (IOException nowhere) {
            }
    }

    static void confinement() throws IOException {
        System.out.println("uid: " + Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        var wanted = Set.of("CapEff", "CapBnd", "NoNewPrivs", "Seccomp");
        Files.lines(Path.of("/proc/self/status")).filter(line -> wanted.contains(line.split(":")[0])).forEach(System.out::println);
    }

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "allocate" -> allocate();
            case "fork" -> fork();
            case "write" -> write();
            case "flood" -> flood();
            case "burn" -> burn();
            case "sleep" -> sleep();
            case "work" -> work();
            case "network" -> network();
            case "confinement" -> confinement();
        }
    }
}
