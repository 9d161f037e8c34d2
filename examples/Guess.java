import java.util.Random;
import java.util.Scanner;

public class Guess {
    private static final int SECRET = new Random().nextInt(100) + 1;

    public static void main(String[] args) {
        Runtime.getRuntime().addShutdownHook(new Thread(Guess::leave));
        Scanner in = new Scanner(System.in);
        System.out.println("I have a number between 1 and 100.");
        for (int tries = 1; ; tries++) {
            System.out.print("Your guess: ");
            System.out.flush();
            if (!in.hasNextLine()) {
                System.out.println("\nYou gave up.");
                ended = true;
                return;
            }
            String line = in.nextLine().strip();
            if (!line.matches("[0-9]{1,9}")) {
                System.out.println("A number, please.");
                tries--;
                continue;
            }
            int guess = Integer.parseInt(line);
            if (guess == SECRET) {
                System.out.printf("Right, after %d.%n", tries);
                ended = true;
                return;
            }
            System.out.println(guess < SECRET ? "Higher." : "Lower.");
        }
    }

    private static volatile boolean ended;

    /** Ctrl-C ends a Java program; what it still has to say is said here. */
    private static void leave() {
        if (!ended) {
            System.out.printf("%nIt was %d.%n", SECRET);
            System.out.flush();
        }
    }
}
