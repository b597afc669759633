#include "corruptions/writer/write_behind.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace automask::corruptions {
namespace {

// Writes down what reaches it, and fails at one picture.
class Diary : public Sink {
 public:
  Diary(std::vector<std::string>& lines, std::size_t fails_at) : lines_(lines), fails_at_(fails_at) {}
  void add(const PictureRecord& record, std::size_t k, std::string file) override {
    if (record.number == fails_at_) throw core::Error(core::ExitCode::steps_failed, record.name, "the disk is full");
    lines_.push_back(record.name + "/" + std::to_string(k) + "=" + file);
  }
  void end(const PictureRecord& record) override {
    lines_.push_back("end " + record.name + " " + std::to_string(record.files.size()));
  }
  void stop() override {}
  void finish() override { lines_.emplace_back("finish"); }

 private:
  std::vector<std::string>& lines_;
  std::size_t fails_at_;
};

PictureRecord picture(std::size_t number) {
  PictureRecord record;
  record.number = number;
  record.name = "p" + std::to_string(number);
  record.files.resize(2);
  return record;
}

TEST(WriteBehind, KeepsTheOrderAndIsDoneAtTheEnd) {
  std::vector<std::string> lines;
  const auto sink = write_behind(std::make_unique<Diary>(lines, 99));
  for (const std::size_t number : {0, 1}) {
    for (const std::size_t k : {0, 1}) sink->add(picture(number), k, "x");
    sink->end(picture(number));
  }
  sink->finish();
  EXPECT_EQ(lines,
            (std::vector<std::string>{"p0/0=x", "p0/1=x", "end p0 2", "p1/0=x", "p1/1=x", "end p1 2", "finish"}));
}

TEST(WriteBehind, LargeFilesPassOneByOne) {
  std::vector<std::string> lines;
  const auto sink = write_behind(std::make_unique<Diary>(lines, 99));
  const std::string file(std::size_t{40} << 20, 'x');  // more than it keeps
  for (const std::size_t number : {0, 1, 2}) sink->add(picture(number), 0, file);
  sink->finish();
  EXPECT_EQ(lines.size(), 4u);
}

TEST(WriteBehind, AFailureComesOutOnceAndNothingIsWrittenAfterIt) {
  std::vector<std::string> lines;
  const auto sink = write_behind(std::make_unique<Diary>(lines, 1));
  sink->add(picture(0), 0, "x");
  try {
    sink->add(picture(1), 0, "x");
    for (int i = 0; i < 1000; ++i) sink->end(picture(1));
    sink->finish();
    FAIL() << "the failure was lost";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.problem(), "the disk is full");
  }
  EXPECT_EQ(lines, std::vector<std::string>{"p0/0=x"});
}

}  // namespace
}  // namespace automask::corruptions
