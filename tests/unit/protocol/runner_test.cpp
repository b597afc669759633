// The runner's side of the protocol, on a backend without a device.
#include "hw_targets/protocol/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>

namespace automask::protocol {
namespace {

using nlohmann::json;

// Not SHA-256, but 64 hex digits that depend on every byte.
std::string toy_hash(const std::string& bytes) {
  char text[65];
  std::snprintf(text, sizeof text, "%064zx", std::hash<std::string>()(bytes));
  return text;
}

class ToyBackend : public Backend {
 public:
  json describe() override { return {{"name", "toy"}}; }
  json load(const std::string& package) override {
    if (package == "bad") throw Refusal(bad_package, "package: truncated");
    if (package == "huge") throw std::bad_alloc();
    return {{"conditions", {"a", "b"}}, {"classes", 2}, {"input", {{"height", 1}, {"width", 2}, {"channels", 1}}}};
  }
  json prepare(const json& options) override { return {{"threads", options.value("threads", 1)}}; }
  json select_condition(int index) override {
    condition = index;
    automatic = false;
    return json::object();
  }
  json select_automatically() override {
    if (!estimator) return Backend::select_automatically();
    automatic = true;
    return json::object();
  }
  int taken_condition() override { return condition; }
  double infer(const std::uint8_t* picture, float* logits) override {
    ++executions;
    if (automatic) condition = picture[0] > 2 ? 1 : 0;
    logits[0] = static_cast<float>(picture[0] + 100 * condition);
    logits[1] = static_cast<float>(picture[1]);
    return 0.5;
  }
  json state() override { return {{"throttled", false}}; }

  int condition = 0, executions = 0;
  bool estimator = true, automatic = false;
};

// Serves a whole conversation at once, from a file to a file.
class RunnerTest : public testing::Test {
 protected:
  void ask(const std::string& method, json params = json::object(), const std::string* binary = nullptr) {
    if (binary != nullptr) params["frame"] = to_json({binary->size(), toy_hash(*binary)});
    requests_ += encode_json(request(++id_, method, params));
    if (binary != nullptr) requests_ += encode_binary(*binary);
  }
  void raw(const std::string& bytes) { requests_ += bytes; }
  void begin() {
    ask("initialize", {{"protocol", 1}});
    const std::string package = "good";
    ask("load", json::object(), &package);
    ask("prepare");
    const std::string pictures("\x01\x02\x03\x04", 4);
    ask("put_inputs", {{"shape", {2, 1, 2, 1}}, {"dtype", "u8"}}, &pictures);
  }

  int serve() {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::tmpfile(), std::fclose),
        out(std::tmpfile(), std::fclose);
    std::fwrite(requests_.data(), 1, requests_.size(), in.get());
    std::fflush(in.get());
    lseek(fileno(in.get()), 0, SEEK_SET);
    const int status = protocol::serve(backend_, fileno(in.get()), fileno(out.get()), toy_hash);
    std::rewind(out.get());
    FrameReader reader;
    char chunk[4096];
    while (const std::size_t got = std::fread(chunk, 1, sizeof chunk, out.get())) reader.feed(chunk, got);
    Frame frame;
    while (reader.next(frame)) (frame.binary ? frames_ : answers_).push_back(frame.bytes);
    EXPECT_TRUE(reader.empty());
    return status;
  }

  json answer(std::size_t index) const { return index < answers_.size() ? json::parse(answers_[index]) : json(); }
  json last() const { return answer(answers_.size() - 1); }

  ToyBackend backend_;
  std::string requests_;
  int id_ = 0;
  std::vector<std::string> answers_, frames_;
};

const std::string hash_a = toy_hash(std::string("\x01\x02", 2)), hash_b = toy_hash(std::string("\x03\x04", 2));

TEST_F(RunnerTest, RunsInTheOrderAskedAndBindsTheOutputs) {
  begin();
  ask("select_condition", {{"index", 1}});
  ask("run", {{"inputs", {hash_a, hash_b}}, {"order", {1, 0, 1}}, {"warmup", 4}, {"nonce", "n0"}});
  ask("fetch_output");
  ask("shutdown");
  ask("state");  // not answered any more
  EXPECT_EQ(serve(), 0);
  ASSERT_EQ(answers_.size(), 8u);
  EXPECT_EQ(answer(0)["result"], json({{"name", "toy"}, {"protocol", 1}}));
  EXPECT_EQ(answer(3)["result"]["inputs"], json({hash_a, hash_b}));
  EXPECT_EQ(answer(4)["result"]["index"], 1);
  EXPECT_EQ(answer(5)["result"]["latencies_ms"], json({0.5, 0.5, 0.5}));
  EXPECT_EQ(backend_.executions, 7);
  const std::vector<float> expected = {103, 4, 101, 2, 103, 4};
  ASSERT_EQ(frames_.size(), 1u);
  ASSERT_EQ(frames_[0].size(), expected.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(frames_[0].data(), expected.data(), frames_[0].size()), 0);
  EXPECT_EQ(answer(5)["result"]["digest"], toy_hash("n0" + frames_[0]));
  EXPECT_EQ(answer(6)["result"]["shape"], json({3, 2}));
  EXPECT_EQ(answer(6)["result"]["frame"], to_json({frames_[0].size(), toy_hash(frames_[0])}));
  EXPECT_EQ(answer(7)["id"], 8);
}

TEST_F(RunnerTest, TellsWhichConditionsItPickedItself) {
  begin();
  ask("select_condition", {{"auto", true}});
  const json params = {{"inputs", {hash_a, hash_b}}, {"order", {1, 0, 1}}, {"warmup", 1}, {"nonce", "n"}};
  ask("run", params);
  ask("fetch_output");
  ask("select_condition", {{"index", 0}});
  ask("run", params);
  ask("select_condition", {{"auto", true}});
  ask("prepare");  // starts over with condition 0
  ask("run", params);
  EXPECT_EQ(serve(), 0);
  EXPECT_EQ(answer(4)["result"], json({{"auto", true}}));
  EXPECT_EQ(answer(5)["result"]["conditions"], json({1, 0, 1}));
  const std::vector<float> expected = {103, 4, 1, 2, 103, 4};
  ASSERT_EQ(frames_.at(0).size(), expected.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(frames_[0].data(), expected.data(), frames_[0].size()), 0);
  for (const std::size_t i : {8, 11}) {
    EXPECT_TRUE(answer(i)["result"].contains("digest")) << i;
    EXPECT_FALSE(answer(i)["result"].contains("conditions")) << i;
  }
}

TEST_F(RunnerTest, RefusesToPickWhereItCannot) {
  backend_.estimator = false;
  begin();
  ask("select_condition", {{"index", 1}});
  ask("select_condition", {{"auto", true}});
  ask("select_condition", {{"auto", false}});
  ask("select_condition", {{"auto", true}, {"index", 0}});
  ask("run", {{"inputs", {hash_a}}, {"order", {0}}, {"nonce", ""}});
  EXPECT_EQ(serve(), 0);
  EXPECT_EQ(answer(5)["error"]["code"], unsupported);
  EXPECT_EQ(answer(6)["error"]["code"], invalid_params);
  EXPECT_EQ(answer(7)["error"]["code"], invalid_params);
  EXPECT_FALSE(answer(8)["result"].contains("conditions"));
  EXPECT_EQ(backend_.condition, 1);
}

TEST_F(RunnerTest, EndsQuietlyWithItsInput) {
  begin();
  EXPECT_EQ(serve(), 0);
  EXPECT_EQ(answers_.size(), 4u);
}

TEST_F(RunnerTest, RefusesMessagesOutOfOrder) {
  ask("state");
  ask("initialize", {{"protocol", 1}});
  ask("prepare");
  const std::string package = "good";
  ask("load", json::object(), &package);
  ask("run", {{"inputs", json::array()}, {"order", json::array()}, {"nonce", ""}});
  EXPECT_EQ(serve(), 0);
  EXPECT_EQ(answer(0)["error"]["code"], invalid_request);
  EXPECT_EQ(answer(2)["error"]["code"], not_loaded);
  EXPECT_EQ(answer(4)["error"]["code"], not_loaded);
  EXPECT_EQ(answer(4)["error"]["message"], "send prepare first");
}

TEST_F(RunnerTest, RefusalsReachTheHostAndTheConversationGoesOn) {
  begin();
  ask("initialize", {{"protocol", 9}});
  EXPECT_EQ(serve(), 0);
  EXPECT_EQ(last()["error"]["code"], wrong_version);
}

TEST_F(RunnerTest, AFailedLoadLeavesNoPackage) {
  begin();
  for (const std::string package : {"bad", "huge"}) ask("load", json::object(), &package);
  ask("run", {{"inputs", {hash_a}}, {"order", {0}}, {"nonce", ""}});
  EXPECT_EQ(serve(), 0);
  EXPECT_EQ(answer(4)["error"]["message"], "package: truncated");
  EXPECT_EQ(answer(5)["error"]["code"], out_of_memory);
  EXPECT_EQ(answer(6)["error"]["code"], not_loaded);
}

TEST_F(RunnerTest, RefusesWhatItCannotRun) {
  begin();
  ask("run", {{"inputs", {toy_hash("never put")}}, {"order", {0}}, {"nonce", ""}});
  ask("run", {{"inputs", {hash_a}}, {"order", {1}}, {"nonce", ""}});
  ask("run", {{"inputs", {hash_a}}, {"order", {-1}}, {"nonce", ""}});
  ask("run", {{"inputs", {hash_a}}, {"nonce", ""}});
  ask("select_condition", {{"index", 2}});
  ask("power");
  ask("teleport");
  EXPECT_EQ(serve(), 0);
  const int expected[] = {unknown_input,  invalid_params, invalid_params,  invalid_params,
                          invalid_params, unsupported,    method_not_found};
  for (std::size_t i = 0; i < std::size(expected); ++i) EXPECT_EQ(answer(4 + i)["error"]["code"], expected[i]) << i;
  EXPECT_EQ(backend_.executions, 0);
}

TEST_F(RunnerTest, RefusesPicturesOfAnotherSize) {
  begin();
  const std::string pictures = "abc";
  ask("put_inputs", {{"shape", {3, 1, 1, 1}}}, &pictures);
  ask("put_inputs", {{"shape", {1, 1, 2, 1}}}, &pictures);
  ask("put_inputs", {{"shape", {2, 1, 2, 1}}}, &pictures);
  EXPECT_EQ(serve(), 0);
  for (std::size_t i = 4; i < 7; ++i) EXPECT_EQ(answer(i)["error"]["code"], invalid_params) << i;
}

TEST_F(RunnerTest, ChecksTheHashOfFramesAndFindsTheNextMessage) {
  ask("initialize", {{"protocol", 1}});
  raw(encode_json(request(2, "load", {{"frame", to_json({4, toy_hash("else")})}})) + encode_binary("good"));
  ask("state");
  EXPECT_EQ(serve(), 0);
  EXPECT_EQ(answer(1)["error"]["code"], bad_hash);
  EXPECT_TRUE(answer(2).contains("result"));
}

TEST_F(RunnerTest, IgnoresNotifications) {
  raw(encode_json({{"jsonrpc", "2.0"}, {"method", "$/cancel"}, {"params", {{"id", 7}}}}));
  ask("initialize", {{"protocol", 1}});
  EXPECT_EQ(serve(), 0);
  EXPECT_EQ(answers_.size(), 1u);
}

TEST_F(RunnerTest, StopsWhenTheInputIsNotTheProtocol) {
  for (const std::string& bytes : {std::string("hello"), encode_binary("x"), encode_json({{"jsonrpc", "2.0"}}),
                                   std::string("Content-Length: 5\r\n\r\n{")}) {
    requests_.clear();
    answers_.clear();
    raw(bytes);
    EXPECT_EQ(serve(), 1) << bytes;
    EXPECT_EQ(last()["error"]["code"], parse_error) << bytes;
    EXPECT_TRUE(last()["id"].is_null());
  }
}

}  // namespace
}  // namespace automask::protocol
