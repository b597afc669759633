// z7020_fake_board FOLDER [MIB]: a board of files in FOLDER (fake_board.h), its engine at work until standard input
// ends. Says "ready" when it is.
#include <cstdlib>
#include <iostream>

#include "tests/unit/z7020/fake_board.h"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  automask::z7020::FakeBoard board(argv[1], std::size_t(argc > 2 ? std::atoi(argv[2]) : 16) << 20);
  board.play();
  std::cout << "ready" << std::endl;
  std::cin.ignore(1 << 20, '\n');
  return 0;
}
