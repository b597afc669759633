// The program itself, through the host: what the harness does with it.
#include <gmock/gmock.h>

#include "hw_targets/host/contract.h"
#include "hw_targets/host/host.h"
#include "hw_targets/host/plausibility.h"
#include "hw_targets/package/container.h"
#include "hw_targets/package/layout.h"
#include "tests/unit/host/refusals.h"
#include "tests/unit/package/damage.h"
#include "tests/unit/z7020/program.h"

namespace automask::z7020 {
namespace {

using cpu::Builder;
using testing::HasSubstr;

TEST(Z7020Runner, AnswersTheReferencesLogitsAndTheModelsLatency) {
  const package::Package package = two_conditions();
  const auto session = host::Session::start(program());
  const host::Device device = session->initialize();
  EXPECT_EQ(device.evidence, "modelled");
  EXPECT_EQ(device.formats, std::vector<std::string>{"int8"});
  session->load(package::encode(package));
  std::vector<std::string> pictures;
  for (unsigned p = 0; p < 8; ++p) {
    const auto picture = cpu::random_picture(package.graph.input, p);
    pictures.emplace_back(picture.begin(), picture.end());
  }
  double before = 0;
  for (const int clock : {150, 100}) {
    const core::Json prepared = session->prepare({{"clock_mhz", clock}});
    EXPECT_EQ(prepared["clock_mhz"], clock);
    EXPECT_EQ(prepared["modelled"].size(), 2U);
    EXPECT_EQ(prepared["modelled"][0]["evidence"], "modelled");
    ASSERT_EQ(prepared["macs"].size(), 2U);
    EXPECT_EQ(host::other_macs(package, prepared), "");
    for (const int condition : {1, 0}) {
      session->select_condition(condition);
      const host::RunResult result = session->run({session->put_inputs(pictures), 9, 3, 1, 0});
      const package::IntegerNetwork network = package::materialise_integers(package, condition);
      std::vector<float> expected;
      for (unsigned p = 0; p < 8; ++p)
        for (const float logit : package::reference_logits(network, cpu::random_picture(package.graph.input, p).data()))
          expected.push_back(logit);
      EXPECT_EQ(result.outputs, expected) << "condition " << condition;
      EXPECT_NEAR(result.latencies_ms[0], prepared["modelled"][condition]["ms"].get<double>(), 1e-9);
      if (condition == 0) {
        EXPECT_GT(result.latencies_ms[0], before) << "a slower clock is slower";
        before = result.latencies_ms[0];
      }
    }
  }
  session->shutdown();
}

host::FailureKind failure(const std::string& bytes, const core::Json& options, std::string& sentence) {
  return host::refusal(program(), bytes, options, sentence);
}

TEST(Z7020Runner, RefusesByNameBeforeAnythingRuns) {
  std::string sentence;
  const package::Package good = two_conditions();
  const std::string bytes = package::encode(good);
  EXPECT_EQ(failure(bytes, {{"clock_mhz", 200}}, sentence), host::FailureKind::refused);
  EXPECT_THAT(sentence, HasSubstr("clock_mhz must be one of"));
  EXPECT_EQ(failure(bytes, {{"clock", 100}}, sentence), host::FailureKind::refused);
  EXPECT_THAT(sentence, HasSubstr("not \"clock\""));
  EXPECT_EQ(failure(bytes, {{"format", "fp32"}}, sentence), host::FailureKind::unsupported);
  // The file as a careless writer would make it: changed, its hash right again.
  const auto rewritten = [&](auto change) {
    package::Container container = package::decode_container(bytes, "p");
    change(container);
    container.metadata[package::hash_key] = package::content_hash(container);
    return package::encode_container(container);
  };
  EXPECT_EQ(failure(rewritten([](auto& c) { c.tensors.at("n1.weight").bytes[5] = '\x80'; }), {}, sentence),
            host::FailureKind::refused);
  EXPECT_THAT(sentence, HasSubstr("tensor n1.weight: must hold whole numbers from -127 to 127"));
  EXPECT_EQ(failure(rewritten([](auto& c) {
                      std::swap(c.tensors.at("n1.weight").shape[0], c.tensors.at("n1.weight").shape[1]);
                    }),
                    {}, sentence),
            host::FailureKind::refused);
  EXPECT_THAT(sentence, HasSubstr("tensor n1.weight: has shape [3,24,3,3], the graph needs [24,3,3,3]"));
  // More channels than a row of weights may have.
  Builder b({3, 8, 8});
  b.classify(b.conv(b.conv(0, 4200, 1), 8, 1), 10);
  EXPECT_EQ(failure(package::encode(masked_package(b.network, 1, 1, 1)), {{"format", "int8"}}, sentence),
            host::FailureKind::unsupported);
  EXPECT_THAT(sentence, HasSubstr("layer n2: "));
  EXPECT_THAT(sentence, HasSubstr("has room for 4096"));
}

TEST(Z7020Runner, RefusesOtherNumberFormats) {
  std::string sentence;
  EXPECT_EQ(failure(package::encode(damage::tiny()), {{"format", "int8"}}, sentence), host::FailureKind::unsupported);
  EXPECT_THAT(sentence, HasSubstr("the engine computes in int8, the package is for fp32"));
}

TEST(Z7020Runner, KeepsTheContract) {
  const std::vector<host::ClauseResult> results = host::check_contract(program(), {}, {});
  bool compared = false;
  for (const host::ClauseResult& result : results) {
    EXPECT_NE(result.verdict, host::Verdict::failed) << result.name << ": " << result.finding;
    compared = compared || (result.name == "outputs" && result.verdict == host::Verdict::passed);
  }
  EXPECT_TRUE(compared) << "the outputs were not compared";
}

TEST(Z7020Runner, KnowsItsBoards) {
  const auto session = host::Session::start(program({"--board", "pynq_z2"}));
  EXPECT_THAT(session->initialize().name, HasSubstr("PYNQ-Z2"));
  session->shutdown();
}

}  // namespace
}  // namespace automask::z7020
