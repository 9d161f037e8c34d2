/** Programs to begin with. */
export const HELLO: Record<string, string> = {
  python: 'name = "world"\nprint(f"Hello, {name}!")\n',
  c: '#include <stdio.h>\n\nint main(void) {\n    puts("Hello, world!");\n}\n',
  java: 'void main() {\n    IO.println("Hello, world!");\n}\n',
};

const SUM: Record<string, string> = {
  python: "import sys\n\nprint(sum(int(word) for word in sys.stdin.read().split()))\n",
  c: '#include <stdio.h>\n\nint main(void) {\n    long sum = 0, number;\n    while (scanf("%ld", &number) == 1)\n        sum += number;\n    printf("%ld\\n", sum);\n}\n',
  java: 'import java.util.Scanner;\n\nvoid main() {\n    var input = new Scanner(System.in);\n    long sum = 0;\n    while (input.hasNextLong())\n        sum += input.nextLong();\n    IO.println(sum);\n}\n',
};

const GUESS: Record<string, string> = {
  python:
    'import random\n\nsecret = random.randint(1, 100)\nwhile (guess := int(input("1 to 100? "))) != secret:\n    print("too low" if guess < secret else "too high")\nprint("right")\n',
  c: '#include <stdio.h>\n#include <stdlib.h>\n#include <time.h>\n\nint main(void) {\n    srand(time(NULL));\n    int secret = rand() % 100 + 1, guess;\n    while (printf("1 to 100? "), fflush(stdout), scanf("%d", &guess) == 1 && guess != secret)\n        puts(guess < secret ? "too low" : "too high");\n    puts("right");\n}\n',
  java: 'import java.util.Scanner;\n\nvoid main() {\n    var input = new Scanner(System.in);\n    int secret = (int) (Math.random() * 100) + 1;\n    while (true) {\n        IO.print("1 to 100? ");\n        int guess = input.nextInt();\n        if (guess == secret) break;\n        IO.println(guess < secret ? "too low" : "too high");\n    }\n    IO.println("right");\n}\n',
};

export const EXAMPLES: Record<string, { programs: Record<string, string>; terminal?: boolean; stdin?: string }> = {
  hello: { programs: HELLO },
  sum: { programs: SUM, stdin: "1 2 3\n" },
  guess: { programs: GUESS, terminal: true },
};
