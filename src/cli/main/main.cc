#include "cli/cli.h"

int main(int argc, char** argv) { return vm::cli::main(argc, argv); }
