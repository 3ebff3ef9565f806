#include "bertft/cli/cli.h"

int main(int argc, char** argv) { return bertft::cli::run(argc, argv); }
