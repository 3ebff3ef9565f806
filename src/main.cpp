#include <cstdio>
#include <cstdlib>

#include "bertft/cli/cli.h"

int main(int argc, char** argv) {
  const int exit_code = bertft::cli::run(argc, argv);
  // Nothing is buffered any more; the destructors of LibTorch's libraries would take 0.2 s more.
  std::fflush(nullptr);
  std::quick_exit(exit_code);
}
