#include "harness/cache.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/atomic_file.h"
#include "support.h"

namespace automask::harness {
namespace {

using test::Json;
using test::TempFolder;
using testing::ElementsAre;
using testing::HasSubstr;

class CacheTest : public testing::Test {
 protected:
  TempFolder folder;
  std::vector<std::string> warnings;
  Cache cache{StoreLayout{folder / "store"}, [this](const std::string& warning) { warnings.push_back(warning); }};
  Plan plan = test::plan_of(test::load(folder, test::small_manifest()));
  const Step& step = plan.steps.front();
};

TEST_F(CacheTest, FindsWhatIsFinished) {
  EXPECT_FALSE(cache.find(step));
  test::write_result(cache, step, 80, 2.5);
  const auto result = cache.find(step);
  ASSERT_TRUE(result);
  EXPECT_DOUBLE_EQ(result->seconds, 2.5);
  EXPECT_GT(result->bytes, 0);
  EXPECT_THAT(warnings, testing::IsEmpty());
  EXPECT_FALSE(cache.find(plan.steps[1]));
}

// Each damage is a miss with a warning, never a crash.
TEST_F(CacheTest, DamagedResultsAreMisses) {
  const auto file = cache.folder(step) / "result.json";
  const auto expect_damaged = [&](const std::string& word) {
    warnings.clear();
    EXPECT_FALSE(cache.find(step)) << word;
    ASSERT_EQ(warnings.size(), 1u) << word;
    EXPECT_THAT(warnings.front(), HasSubstr(word));
    EXPECT_THAT(warnings.front(), HasSubstr(file.string()));
    EXPECT_THAT(warnings.front(), HasSubstr("done again"));
  };
  test::write_result(cache, step);
  const std::string good = core::read_file(file);
  const auto with = [&](const std::function<void(Json&)>& change) {
    Json json = Json::parse(good);
    change(json);
    core::write_file_atomically(file, json.dump());
  };
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, good.size() / 2, good.size() - 3}) {
    core::write_file_atomically(file, good.substr(0, size));
    expect_damaged("not valid JSON");
  }
  core::write_file_atomically(file, std::string(100, '\0'));
  expect_damaged("not valid JSON");
  core::write_file_atomically(file, "[]");
  expect_damaged("another version");
  with([](Json& json) { json["schema_version"] = "one"; });
  expect_damaged("wrong type");
  with([](Json& json) { json["key"] = "other"; });
  expect_damaged("another step");
  with([](Json& json) { json["state"] = "failed"; });
  expect_damaged("passed");
  with([](Json& json) { json.erase("metrics"); });
  expect_damaged("metrics");
  core::write_file_atomically(file, good);
  core::write_file_atomically(cache.folder(step) / "made.txt", "shorter");
  expect_damaged("size");
  std::filesystem::remove(cache.folder(step) / "made.txt");
  expect_damaged("missing");
}

TEST_F(CacheTest, ALockKeepsOthersOutUntilItIsGone) {
  const Cache other(StoreLayout{folder / "store"});
  {
    const auto lock = cache.try_lock(step);
    ASSERT_TRUE(lock);
    EXPECT_FALSE(other.try_lock(step));
    EXPECT_TRUE(other.is_locked(step));
    EXPECT_TRUE(other.try_lock(plan.steps[1]));
  }
  EXPECT_FALSE(other.is_locked(step));
  EXPECT_TRUE(other.try_lock(step));
}

TEST_F(CacheTest, ALockLastsAsLongAsTheChildThatInheritsIt) {
  auto lock = cache.try_lock(step);
  ASSERT_TRUE(lock);
  int wake[2];
  ASSERT_EQ(::pipe(wake), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte;
    ::close(wake[1]);
    ::_exit(::read(wake[0], &byte, 1) == 1 ? 0 : 1);
  }
  lock.reset();
  EXPECT_TRUE(cache.is_locked(step));
  ASSERT_EQ(::write(wake[1], "x", 1), 1);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(cache.is_locked(step));
  ::close(wake[0]);
  ::close(wake[1]);
}

TEST_F(CacheTest, ListsTheNewestFirst) {
  std::vector<std::string> labels;
  auto time = std::filesystem::file_time_type::clock::now();
  for (const Step& each : plan.steps) {
    if (each.stage != Stage::variant) continue;
    test::write_result(cache, each);
    std::filesystem::last_write_time(cache.folder(each) / "result.json", time += std::chrono::seconds(1));
    labels.insert(labels.begin(), each.label);
  }
  ASSERT_EQ(labels.size(), 2u);
  const auto entries = cache.newest(Stage::variant, 10);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_THAT((std::vector<std::string>{entries[0].step["label"], entries[1].step["label"]}), labels);
  EXPECT_EQ(cache.newest(Stage::variant, 1).size(), 1u);
  EXPECT_TRUE(cache.newest(Stage::train, 10).empty());
}

}  // namespace
}  // namespace automask::harness
