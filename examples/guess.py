import random

secret = random.randint(1, 100)
print("I have a number between 1 and 100.")
tries = 0
while True:
    try:
        answer = input("Your guess: ")
    except EOFError:
        print("\nYou gave up.")
        break
    except KeyboardInterrupt:
        print(f"\nIt was {secret}.")
        break
    if not answer.strip().isdigit():
        print("A number, please.")
        continue
    tries += 1
    if int(answer) < secret:
        print("Higher.")
    elif int(answer) > secret:
        print("Lower.")
    else:
        print(f"Right, after {tries}.")
        break
