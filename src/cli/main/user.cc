#include "cli/cli.h"

int main(int argc, char** argv) { return vm::cli::user_main(argc, argv); }
