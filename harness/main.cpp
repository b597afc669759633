#include "harness/cli.h"

int main(int argc, char** argv) { return automask::harness::run_cli(argc, argv); }
