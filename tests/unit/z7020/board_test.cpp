// The port to a board, against a board of files whose engine the C simulation plays. AUTOMASK_Z7020_RUNNER lets the ARM
// program take the other side, under qemu-user.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <map>
#include <regex>

#include "hw_targets/z7020/board_port.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/z7020/fake_board.h"
#include "tests/unit/z7020/program.h"

namespace automask::z7020 {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t enough = 4 << 20;

std::vector<std::string> board_arguments(const FakeBoard& board) {
  return {"--port", "board", "--clock", "100", "--root", board.root().string()};
}
std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// Through either kind of buffer: the reference's logits, and latencies of a clock.
TEST(BoardRunner, MeasuresAndAnswersTheReferencesLogits) {
  const package::Package package = two_conditions();
  for (const bool second_map : {false, true}) {
    const automask::testing::TemporaryFolder folder;
    FakeBoard board(folder.path(), enough);
    board.play(second_map);
    auto arguments = board_arguments(board);
    if (!second_map) arguments = with(arguments, {"--buffer", "udmabuf0"});
    const auto session = host::Session::start(program(arguments));
    const host::Device device = session->initialize();
    EXPECT_EQ(device.evidence, "measured");
    EXPECT_THAT(device.details["port"].get<std::string>(), HasSubstr("/dev/uio3"));
    session->load(package::encode(package));
    const core::Json prepared = session->prepare({{"format", "int8"}});
    EXPECT_EQ(prepared["clock_mhz"], 100);
    EXPECT_EQ(prepared["modelled"][0]["evidence"], "modelled") << "beside what is measured";
    for (const int condition : {1, 0}) {
      session->select_condition(condition);
      const int before = board.runs();
      const host::RunResult result =
          session->run({session->put_inputs(cpu::random_pictures(package.graph.input, 3)), 9, 1, 1, 0});
      const package::IntegerNetwork network = package::materialise_integers(package, condition);
      std::vector<float> expected;
      for (unsigned p = 0; p < 3; ++p)
        for (const float logit : package::reference_logits(network, cpu::random_picture(package.graph.input, p).data()))
          expected.push_back(logit);
      EXPECT_EQ(result.outputs, expected) << "condition " << condition;
      EXPECT_GE(board.runs() - before, 4) << "the engine was not asked";
      double sum = 0;
      for (const double ms : result.latencies_ms) sum += ms;
      EXPECT_GT(sum, 0);
      EXPECT_LE(sum, result.wall_seconds * 1e3 + 1);
    }
    EXPECT_FALSE(session->power()) << "no sensor was named";
    session->shutdown();
  }
}

TEST(BoardRunner, TimesEachLayerWhereTheyAreApart) {
  const package::Package package = two_conditions();
  const automask::testing::TemporaryFolder folder;
  FakeBoard board(folder.path(), enough);
  board.play();
  std::ofstream(board.path("power1_input")) << "2500000\n";
  const auto session = host::Session::start(
      program(with(board_arguments(board), {"--buffer", "udmabuf0", "--power", board.path("power1_input").string()})));
  session->initialize();
  session->load(package::encode(package));
  const core::Json prepared = session->prepare({{"layers_apart", true}});
  session->select_condition(1);
  session->run({session->put_inputs(cpu::random_pictures(package.graph.input, 2)), 1, 1, 1, 0});
  const core::Json measured = session->state()["measured"];
  EXPECT_EQ(measured["condition"], package.conditions[1].name);
  const core::Json& modelled = prepared["modelled"][1]["layers"];
  ASSERT_EQ(measured["layers"].size(), modelled.size());
  for (std::size_t l = 0; l < modelled.size(); ++l) {
    EXPECT_EQ(measured["layers"][l]["name"], modelled[l]["name"]);
    EXPECT_GT(measured["layers"][l]["ms"].get<double>(), 0);
  }
  const auto power = session->power();
  ASSERT_TRUE(power);
  EXPECT_DOUBLE_EQ(power->front().second, 2.5);
  session->shutdown();
}

// The sentence with which the runner ends, or refuses this package.
std::string fault(FakeBoard& board, const std::vector<std::string>& more = {"--buffer", "udmabuf0"}) {
  board.play();
  try {
    const auto session = host::Session::start(program(with(board_arguments(board), more)));
    session->initialize();
    session->load(package::encode(two_conditions()));
    session->prepare({{"format", "int8"}});
    session->run({session->put_inputs(cpu::random_pictures(two_conditions().graph.input, 1)), 1, 1, 1, 0});
  } catch (const host::RunnerFailure& e) {
    return e.what();
  }
  return "accepted";
}

TEST(BoardRunner, SaysWhatIsWrongAndWhatToDo) {
  const automask::testing::TemporaryFolder folder;
  int number = 0;
  const auto root = [&] { return folder.path() / std::to_string(number++); };
  {
    FakeBoard board(root(), enough);
    EXPECT_EQ(fault(board), "accepted");
  }
  {
    FakeBoard board(root(), enough);
    EXPECT_THAT(fault(board, {"--uio", "engine"}),
                HasSubstr("no UIO device is named engine; there are uio0 (xadc), uio3 (automask_z7020)"));
  }
  {
    FakeBoard board(root(), enough);
    std::filesystem::remove_all(board.path("sys/class/uio"));
    EXPECT_THAT(fault(board), HasSubstr("there is none at all: load the bitstream"));
  }
  {
    FakeBoard board(root(), enough);
    EXPECT_THAT(fault(board, {"--buffer", "udmabuf7"}), HasSubstr("there is no buffer udmabuf7; there are udmabuf0"));
  }
  {
    FakeBoard board(root(), enough);
    std::filesystem::remove_all(board.path("sys/class/uio/uio3/maps/map1"));
    EXPECT_THAT(fault(board, {}), HasSubstr("gives the device no buffer"));
  }
  {
    FakeBoard board(root(), 4096);
    EXPECT_THAT(fault(board), HasSubstr("the buffer has 4096 bytes, this network needs "));
  }
  {
    FakeBoard board(root(), enough);
    std::filesystem::remove(board.path("dev/udmabuf0"));
    EXPECT_THAT(fault(board), HasSubstr("dev/udmabuf0: cannot be opened: No such file or directory"));
  }
  if (geteuid() != 0) {
    FakeBoard board(root(), enough);
    std::filesystem::permissions(board.path("dev/uio3"), std::filesystem::perms::none);
    EXPECT_THAT(fault(board), HasSubstr("Permission denied; run as root"));
  }
  {
    FakeBoard board(root(), enough, Fault::old_version);
    EXPECT_THAT(fault(board), HasSubstr("build the bitstream from the sources of the program"));
  }
  {
    FakeBoard board(root(), enough, Fault::blind);
    EXPECT_THAT(fault(board), HasSubstr("it does not see the buffer at bus address 0x10000000"));
  }
  {
    FakeBoard board(root(), enough, Fault::busy);
    EXPECT_THAT(fault(board), HasSubstr("the engine is not idle, its control register reads 0x00000001"));
  }
  {
    FakeBoard board(root(), enough, Fault::hangs);
    EXPECT_THAT(fault(board, {"--buffer", "udmabuf0", "--timeout", "0.05"}),
                HasSubstr("within 0.05 s: it was not done, its control register reads 0x00000001"));
  }
  {
    FakeBoard board(root(), enough);
    EXPECT_THAT(fault(board, {"--buffer", "udmabuf0", "--power", "/nowhere"}), HasSubstr("/nowhere: holds no power"));
  }
}

TEST(BoardRunner, RefusesOptionsThatDoNotGoTogether) {
  const auto sentence = [](const std::vector<std::string>& arguments) -> std::string {
    try {
      host::Session::start(program(arguments))->initialize();
    } catch (const host::RunnerFailure& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_THAT(sentence({"--port", "board"}), HasSubstr("needs --clock MHZ"));
  EXPECT_THAT(sentence({"--interrupt"}), HasSubstr("need --port board"));
  EXPECT_THAT(sentence({"--port", "verilator"}), HasSubstr("--port is simulation or board"));
  EXPECT_THAT(sentence({"--port", "board", "--clock", "fast"}), HasSubstr("--clock needs a number"));
  EXPECT_THAT(sentence({"--clocks"}), HasSubstr("there is no option --clocks"));
}

// In this process, where a socket can stand for the interrupt.
class BoardPort : public ::testing::Test {
 protected:
  std::unique_ptr<Port> open(FakeBoard& board, BoardOptions options) {
    options.root = board.root().string();
    options.buffer = "udmabuf0";
    BoardFiles files = open_board(options);
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    files.interrupts = File(ends[0]);
    engine_ = File(ends[1]);
    return board_port(std::move(files), options);
  }

  automask::testing::TemporaryFolder folder_;
  File engine_;
};

TEST_F(BoardPort, WaitsForTheInterrupt) {
  FakeBoard board(folder_.path(), enough);
  int enabled = 0;
  board.play(false, [&] {
    std::uint32_t one = 0;
    if (read(engine_.get(), &one, sizeof one) == sizeof one && one == 1) ++enabled;
    EXPECT_EQ(write(engine_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  });
  BoardOptions options;
  options.interrupt = true;
  const auto port = open(board, options);
  const package::IntegerNetwork network = package::materialise_integers(two_conditions(), 0);
  const Image image = compile(network);
  Executor executor(image, *port);
  EXPECT_TRUE(agrees(network, executor, 0));
  board.stop();
  EXPECT_EQ(enabled, 3) << "the greeting and two pictures";
}

TEST_F(BoardPort, GivesUpWhereNoInterruptComes) {
  FakeBoard board(folder_.path(), enough);
  board.play();
  BoardOptions options;
  options.interrupt = true;
  options.timeout_seconds = 0.02;
  try {
    open(board, options);
    FAIL() << "was opened";
  } catch (const PortError& e) {
    EXPECT_THAT(e.what(), HasSubstr("no interrupt came"));
  }
}

TEST_F(BoardPort, IsOneProgramsAlone) {
  FakeBoard board(folder_.path(), enough);
  board.play();
  const auto first = open(board, {});
  try {
    open(board, {});
    FAIL() << "was opened twice";
  } catch (const PortError& e) {
    EXPECT_THAT(e.what(), HasSubstr("another program uses the engine"));
  }
}

// What top.cpp asks Vitis HLS for is what the program writes and reads.
TEST(Registers, AreWhereTheHlsSourcePutsThem) {
  std::ifstream in(AUTOMASK_SOURCE_DIR "/hw_targets/z7020/hls/top.cpp");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::map<std::string, std::uint32_t> found;
  const std::regex pragma("#pragma HLS INTERFACE s_axilite port = (\\w+) offset = (0x[0-9a-f]+)");
  for (std::sregex_iterator m(text.begin(), text.end(), pragma), end; m != end; ++m)
    found[(*m)[1]] = static_cast<std::uint32_t>(std::stoul((*m)[2], nullptr, 16));
  EXPECT_EQ(found, (std::map<std::string, std::uint32_t>{{"read0", registers::read0},
                                                         {"read1", registers::read1},
                                                         {"read2", registers::read2},
                                                         {"read3", registers::read3},
                                                         {"write0", registers::write0},
                                                         {"write1", registers::write1},
                                                         {"write2", registers::write2},
                                                         {"stream", registers::stream},
                                                         {"commands", registers::commands},
                                                         {"version", registers::version}}));
}

}  // namespace
}  // namespace automask::z7020
