// NVIDIA's compilers on every variant of every kernel, for the TX2 and for newer GPUs, and what the TX2's machine code
// takes of its multiprocessor. No GPU is needed; the compilers come from PyPI (scripts/test-venv.sh).
#include "hw_targets/cuda/nvrtc.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "hw_targets/cuda/cubin.h"
#include "tests/unit/cuda/variants.h"

namespace automask::cuda {
namespace {

namespace fs = std::filesystem;

// AUTOMASK_NVRTC_FOLDER, else where the tests' environment has them; empty: neither.
std::string library(const std::string& name) {
  if (const char* folder = std::getenv("AUTOMASK_NVRTC_FOLDER")) return (fs::path(folder) / name).string();
  std::error_code none;
  for (const auto& python : fs::directory_iterator(AUTOMASK_SOURCE_DIR "/build/test-venv/lib", none)) {
    const fs::path file = python.path() / "site-packages/nvidia/cuda_nvrtc/lib" / name;
    if (fs::exists(file)) return file.string();
  }
  return "";
}

struct Compiler {
  std::string name;
  std::vector<int> architectures;
};
void PrintTo(const Compiler& compiler, std::ostream* out) { *out << compiler.name; }

class Nvrtcs : public testing::TestWithParam<Compiler> {};

TEST_P(Nvrtcs, CompileEveryVariant) {
  const std::string file = library(GetParam().name);
  if (!fs::exists(file)) GTEST_SKIP() << "no " << GetParam().name << "; scripts/test-venv.sh fetches it";
  const Nvrtc nvrtc(file);
  for (const int architecture : GetParam().architectures) {
    ASSERT_TRUE(nvrtc.compiles_for(architecture));
    for (const bool half : {false, true})
      for (const KernelKey& key : variants(half)) {
        // Tiles differ in numbers alone: all of them for the TX2, one for the others.
        if (architecture != 62 && key.constants.tile_m > 0 && key.constants.tile_m != tiles().front().m) continue;
        const Image image = nvrtc.compile(source_of(key), key.name, architecture);
        ASSERT_TRUE(image.machine_code);
        const CubinFacts facts = read_cubin(image.bytes, key.name);
        ASSERT_TRUE(facts.found) << title(key);
        const int threads = key.name == "repack" ? repack_threads : static_cast<int>(grid_of(key).threads);
        EXPECT_GT(facts.registers, 0) << title(key);
        if (key.constants.tile_m > 0) {
          const Tile tile{key.constants.tile_m, key.constants.tile_n, key.constants.tile_k};
          EXPECT_GE(facts.shared_bytes, shared_bytes_of(tile, half)) << "the arrays of the source: " << title(key);
        }
        if (architecture != 62) continue;
        EXPECT_LE(facts.registers, sm_62_registers_of_thread) << title(key);
        EXPECT_LE(facts.registers * threads, sm_62_registers_of_block) << title(key);
        EXPECT_LE(facts.shared_bytes, sm_62_shared_of_block) << title(key);
        EXPECT_LE(threads, sm_62_threads_of_block) << title(key);
        EXPECT_EQ(facts.stack_bytes, 0) << "registers are spilled to memory: " << title(key);
      }
  }
}

TEST_P(Nvrtcs, TellWhatIsWrongWithASource) {
  const std::string file = library(GetParam().name);
  if (!fs::exists(file)) GTEST_SKIP() << "no " << GetParam().name;
  const Nvrtc nvrtc(file);
  try {
    nvrtc.compile("extern \"C\" __global__ void broken() { undeclared = 1; }", "broken", 62);
    FAIL();
  } catch (const DeviceError& e) {
    EXPECT_THAT(e.what(),
                testing::AllOf(testing::HasSubstr("kernel broken does not compile"), testing::HasSubstr("undeclared")));
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, Nvrtcs,
                         testing::Values(Compiler{"libnvrtc.so.12", {62, 75, 90}},
                                         Compiler{"libnvrtc.so.11.2", {62}}),  // of 11.2 to 11.8
                         [](const auto& version) { return version.index == 0 ? "Cuda12" : "Cuda11"; });

TEST(Cubin, AnyBytesAreSafe) {
  std::mt19937 random(1);
  std::string bytes(4096, '\0');
  for (int round = 0; round < 500; ++round) {
    for (char& byte : bytes) byte = static_cast<char>(random() % 4 == 0 ? random() : 0);
    bytes.replace(0, 6, "\177ELF\2\1", 6);
    read_cubin(bytes, "x");
    EXPECT_FALSE(read_cubin(bytes.substr(0, random() % bytes.size()), "kernel").found);
  }
  EXPECT_FALSE(read_cubin("", "x").found);
}

}  // namespace
}  // namespace automask::cuda
