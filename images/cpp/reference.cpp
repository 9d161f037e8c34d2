#include <bits/stdc++.h>

int main() {
    int first = 0, second = 0;
    std::cin >> first >> second;
    const std::array numbers{3, 1, 2};
    std::cout << first + second << ' ' << std::format("{:.3f}", std::sqrt(first)) << ' ' << std::ranges::max(numbers) << '\n';
}
