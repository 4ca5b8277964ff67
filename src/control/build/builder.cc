#include "control/build/builder.h"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "control/image_access.h"
#include "image/registry/fetch.h"

namespace fulcrum::control {

using namespace image::build;

namespace {

constexpr unsigned kMaxParallel = 8;

/// Whether an image was made for a platform; empty fields of `wanted` match any.
bool suits(const image::ImageStore& store, const image::ImageId& id, const oci::Platform& wanted) {
  const auto record = store.inspect(id.str());
  if (!record) return false;
  const auto config = oci::parse_image_config(record->config);
  if (!config) return false;
  const auto same = [](const std::string& a, const std::string& b) { return a.empty() || b.empty() || a == b; };
  return same(wanted.os, config->os) && same(wanted.architecture, config->architecture) && same(wanted.variant, config->variant);
}

/// The file name that a URL's path ends with; empty when it ends with a slash.
std::string name_in(const std::string& url) {
  const auto scheme = url.find("://");
  const auto path = url.substr(0, url.find_first_of("?#"));
  const auto slash = path.rfind('/');
  return scheme == std::string::npos || slash < scheme + 3 ? std::string() : path.substr(slash + 1);
}

/// The engine as a build sees it.
class Host final : public BuildHost {
 public:
  Host(const PreparedBuild& build, StepRunner runner, image::ImageStore& images, image::registry::Client& registry)
      : build_(build), runner_(std::move(runner)), images_(images), registry_(registry) {}

  Result<image::ImageId> find_image(const std::string& reference, const std::string& platform, const PullProgress& progress,
                                    const StopSource& stop) override {
    const auto wanted = platform.empty() ? oci::Platform{} : TRY(oci::parse_platform(platform));
    const std::lock_guard lock(pulls_);  // what two stages stand on is fetched once
    const auto key = reference + " " + platform;
    if (const auto found = found_.find(key); found != found_.end()) return found->second;
    auto id = TRY(look_or_pull(reference, platform, wanted, progress, stop));
    found_.emplace(key, id);
    return id;
  }
  std::string new_run() override { return runner_.new_run(); }
  Result<StepOutcome> run_step(const std::string& run, const RunStep& step, const Output& output, const StopSource& stop) override {
    return runner_.run(run, step, output, stop);
  }
  void discard(const std::string& run) override { runner_.discard(run); }
  Result<Download> download(const std::string& url, const std::string& folder, const StopSource& stop) override {
    Download download{.path = folder + "/download-" + sys::random_hex(4), .name = {}, .mtime = {}};
    const auto file = TRY(sys::open(download.path, O_WRONLY | O_CREAT | O_EXCL, 0600));
    auto fetched = TRY(image::registry::fetch({.url = url, .file = file.get(), .progress = {}}, stop));
    download.name = fetched.file_name.empty() ? name_in(url) : std::move(fetched.file_name);
    if (const auto time = image::registry::parse_http_date(fetched.last_modified)) download.mtime = timespec{.tv_sec = *time, .tv_nsec = 0};
    return download;
  }

 private:
  Result<image::ImageId> look_or_pull(const std::string& reference, const std::string& platform, const oci::Platform& wanted,
                                      const PullProgress& progress, const StopSource& stop) {
    if (!build_.request.pull) {
      const auto there = images_.inspect(reference);
      if (there && suits(images_, there->id, wanted)) return there->id;
      if (!there && there.error().code != Code::not_found) return std::unexpected(there.error());
    }
    const auto parsed = TRY(image::Reference::parse(reference));
    auto own = build_.request.registry ? build_.request.registry(parsed) : std::nullopt;
    const auto pulled =
        TRY(pull_image(images_, own ? *own : registry_, {.reference = reference, .platform = platform}, step_listener(progress), stop),
            "pull {}", reference);
    return pulled.id;
  }

  const PreparedBuild& build_;
  StepRunner runner_;
  image::ImageStore& images_;
  image::registry::Client& registry_;
  std::mutex pulls_;                             ///< protects found_
  std::map<std::string, image::ImageId> found_;  ///< by reference and platform
};

Result<std::vector<image::Reference>> parse_tags(const std::vector<std::string>& texts) {
  std::vector<image::Reference> tags;
  for (const auto& text : texts) {
    auto tag = TRY(image::Reference::parse(text), "invalid tag \"{}\"", text);
    if (!tag.digest.empty()) return fail(Code::invalid_argument, "invalid tag \"{}\": a digest cannot be given as a name", text);
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(std::move(tag));
  }
  return tags;
}

}  // namespace

Result<PreparedBuild> Builder::prepare(BuildRequest request, BuildContext& context) const {
  PreparedBuild build;
  build.tags = TRY(parse_tags(request.tags));
  build.platform = request.platform.empty() ? oci::host_platform() : TRY(oci::parse_platform(request.platform), "invalid platform");
  build.epoch = TRY(source_date_epoch(request.args));
  TRY(StepRunner(parts_, sandbox_, request.limits).check());
  build.file = TRY(parse_dockerfile(TRY(context.take_dockerfile(request.dockerfile))));
  build.args = BuildArgs(request.args, platform_args(oci::to_string(build.platform), oci::to_string(oci::host_platform())));
  build.plan = TRY(plan_build(build.file, build.args, {.target = request.target}));
  build.steps = build.plan.steps + request.labels.size();
  build.request = std::move(request);
  return build;
}

Result<BuiltImage> Builder::build(const PreparedBuild& build, const BuildContext& context, BuildEvents& events, const StopSource& stop,
                                  std::optional<FailedCommand>* failed) {
  decltype(running_)::iterator mine;
  {
    const std::lock_guard lock(mutex_);
    mine = running_.emplace(build.request.id, &stop);
  }
  const ScopeExit leave([&] {
    const std::lock_guard lock(mutex_);
    running_.erase(mine);
  });
  const auto& request = build.request;
  Host host(build, StepRunner(parts_, sandbox_, request.limits), images_, registry_);
  const BuildSpec spec{.file = build.file,
                       .plan = build.plan,
                       .args = build.args,
                       .context = context.root(),
                       .labels = {request.labels.begin(), request.labels.end()},
                       .tags = build.tags,
                       .use_cache = request.use_cache,
                       .cache_from = request.cache_from,
                       .platform = build.platform,
                       .platform_text = request.platform,
                       .epoch = build.epoch,
                       .parallel = std::clamp(std::thread::hardware_concurrency(), 2U, kMaxParallel)};
  return build_image(images_, spec, host, events, stop, failed);
}

bool Builder::cancel(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = running_.equal_range(id);
  for (auto it = first; it != last; ++it) it->second->request_stop();
  return first != last && !id.empty();
}

}  // namespace fulcrum::control
