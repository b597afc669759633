#include "datasets/files.h"

#include <string_view>
#include <unordered_set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "datasets/tar.h"

namespace automask::datasets {
namespace {

class FolderFiles : public Files {
 public:
  FolderFiles(std::filesystem::path folder, std::vector<std::string> paths)
      : folder_(std::move(folder)), name_(folder_.string()), paths_(std::move(paths)) {}
  std::size_t size() const override { return paths_.size(); }
  const std::string& path(std::size_t i) const override { return paths_.at(i); }
  std::string read(std::size_t i) const override { return core::read_file(folder_ / paths_.at(i)); }
  std::string where(std::size_t i) const override { return (folder_ / paths_.at(i)).string(); }
  const std::string& name() const override { return name_; }

 private:
  std::filesystem::path folder_;
  std::string name_;
  std::vector<std::string> paths_;
};

class TarFiles : public Files {
 public:
  explicit TarFiles(const std::vector<std::filesystem::path>& tars) {
    std::unordered_set<std::string_view> seen;  // into the archives' indices, which stay where they are
    for (const auto& path : tars) {
      tars_.emplace_back(path);
      const Tar& tar = tars_.back();
      name_ += (name_.empty() ? "" : ", ") + tar.name();
      skipped_.insert(skipped_.end(), tar.skipped().begin(), tar.skipped().end());
      for (std::size_t m = 0; m < tar.members().size(); ++m) {
        const std::string& member = tar.members()[m].path;
        if (tars.size() > 1 && !seen.insert(member).second)
          throw core::Error(core::ExitCode::steps_failed, tar.name() + ": " + member,
                            "stands in an earlier archive, too",
                            "give members names that are unique over all archives");
        places_.push_back({static_cast<std::uint32_t>(tars_.size() - 1), static_cast<std::uint32_t>(m)});
      }
    }
    if (tars.size() > 3) name_ = tars.front().string() + " and " + std::to_string(tars.size() - 1) + " more";
  }
  std::size_t size() const override { return places_.size(); }
  const std::string& path(std::size_t i) const override { return tar(i).members()[places_[i].member].path; }
  std::string read(std::size_t i) const override { return tar(i).read(places_[i].member); }
  std::string where(std::size_t i) const override { return tar(i).name() + ": " + path(i); }
  const std::string& name() const override { return name_; }

 private:
  struct Place {
    std::uint32_t tar, member;
  };
  const Tar& tar(std::size_t i) const { return tars_[places_.at(i).tar]; }

  std::vector<Tar> tars_;
  std::vector<Place> places_;
  std::string name_;
};

}  // namespace

std::unique_ptr<Files> files_in_folder(const std::filesystem::path& folder, std::vector<std::string> paths) {
  return std::make_unique<FolderFiles>(folder, std::move(paths));
}

std::unique_ptr<Files> files_in_tars(const std::vector<std::filesystem::path>& tars) {
  return std::make_unique<TarFiles>(tars);
}

}  // namespace automask::datasets
