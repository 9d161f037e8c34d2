"""Never ends by itself: what it has said by the time it is ended is kept."""

print("counting: 1 2 3")
number = 3
while True:
    number += 1
