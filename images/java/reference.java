import java.util.Scanner;
import java.util.stream.IntStream;

public class Reference {
    record Sum(int value) {}

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        Sum sum = new Sum(IntStream.of(in.nextInt(), in.nextInt()).sum());
        System.out.println(sum);
    }
}
