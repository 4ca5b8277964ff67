#include "image/build/executor.h"

#include <atomic>
#include <map>
#include <mutex>

#include "api/oci/image_spec.h"
#include "base/sys.h"
#include "base/testing.h"
#include "image/build/cache.h"
#include "image/build/layer_maker.h"
#include "image/build/prune.h"

namespace fulcrum::image::build {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOk;
using fulcrum::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Runs "write NAME TEXT" by writing the file, and "fail N" by failing.
class FakeHost final : public BuildHost {
 public:
  explicit FakeHost(const ImageStore& store) : store_(store) {}
  Result<ImageId> find_image(const std::string& reference, const std::string&, const PullProgress&, const StopSource&) override {
    return TRY(store_.inspect(reference)).id;
  }
  std::string new_run() override { return "run" + std::to_string(++runs_); }
  Result<StepOutcome> run_step(const std::string& run, const RunStep& step, const Output& output, const StopSource&) override {
    EXPECT_FALSE(step.lowers.empty());
    const auto folder = TRY(store_.layers().scratch());
    const std::lock_guard lock(mutex_);
    folders_[run] = folder;
    TRY(sys::make_directories(folder + "/upper"));
    StepOutcome outcome{.upper = folder + "/upper"};
    if (step.words.at(0) == "fail") outcome.exit_code = std::stoi(step.words.at(1));
    if (step.words.at(0) == "write") TRY(sys::write_file_atomic(outcome.upper + "/" + step.words.at(1), step.words.at(2)));
    TRY(output(false, step.words.at(0) + "\n"));
    return outcome;
  }
  void discard(const std::string& run) override {
    const std::lock_guard lock(mutex_);
    EXPECT_OK(sys::remove_tree(folders_[run]));
  }
  Result<Download> download(const std::string&, const std::string&, const StopSource&) override { return fail(Code::unimplemented, "no"); }

  std::atomic<int> runs_ = 0;

 private:
  const ImageStore& store_;
  std::mutex mutex_;
  std::map<std::string, std::string> folders_;
};

/// Writes down what it hears, by stage.
class Listener final : public BuildEvents {
 public:
  Result<> tell(const BuildEvent& event) override {
    const std::lock_guard lock(mutex_);
    if (event.kind == BuildEvent::Kind::cached) ++cached;
    if (event.kind == BuildEvent::Kind::step) steps[event.stage].push_back(event.text);
    if (event.kind == BuildEvent::Kind::done) last_id[event.stage] = event.id;
    return {};
  }
  std::mutex mutex_;
  int cached = 0;
  std::map<std::size_t, std::vector<std::string>> steps;
  std::map<std::size_t, std::string> last_id;
};

struct Options {
  bool use_cache = true;
  std::vector<std::string> cache_from = {};
  std::optional<std::int64_t> epoch = {};
  std::vector<std::string> tags = {};
};

struct ExecutorTest : ::testing::Test {
  TemporaryDirectory dir;
  FakeClock clock;
  ImageStore store = ImageStore::open(dir / "images", clock).value();
  FakeHost host{store};
  Listener heard;
  std::optional<FailedCommand> failed;

  Result<BuiltImage> build(const std::string& text, const Options& options = {}) {
    heard.cached = 0;
    const auto file = TRY(parse_dockerfile(text));
    BuildArgs args;
    const auto plan = TRY(plan_build(file, args, {}));
    BuildSpec spec{
        .file = file, .plan = plan, .args = args, .labels = {}, .tags = {}, .cache_from = options.cache_from, .platform_text = {}};
    spec.use_cache = options.use_cache;
    spec.epoch = options.epoch;
    for (const auto& tag : options.tags) spec.tags.push_back(Reference::parse(tag).value());
    clock.advance(std::chrono::seconds(5));
    return build_image(store, spec, host, heard, StopSource::never(), &failed);
  }
  oci::ImageConfig config(const BuiltImage& image) { return oci::parse_image_config(store.inspect(image.id.str()).value().config).value(); }
};

TEST_F(ExecutorTest, OneLayerForEachRunAndNoneForTheRest) {
  const auto built = build("FROM scratch\nENV A=1\nRUN [\"write\",\"f\",\"x\"]\nCMD [\"f\"]\n");
  ASSERT_OK(built);
  const auto image = config(*built);
  EXPECT_EQ(image.rootfs.diff_ids.size(), 1U);
  ASSERT_EQ(image.history.size(), 3U);
  EXPECT_TRUE(image.history[0].empty_layer);
  EXPECT_FALSE(image.history[1].empty_layer);
  EXPECT_EQ(image.history[1].created_by, "write f x");
  EXPECT_EQ(image.config.cmd, std::vector<std::string>{"f"});
  EXPECT_EQ(heard.last_id[0], built->id.str());
}

TEST_F(ExecutorTest, KnownStepsAreNotRunAndGiveTheSameImage) {
  const std::string text = "FROM scratch\nRUN [\"write\",\"f\",\"x\"]\nENV A=1\nRUN [\"write\",\"g\",\"y\"]\n";
  const auto first = build(text);
  ASSERT_OK(first);
  EXPECT_EQ(heard.cached, 0);
  const auto second = build(text);
  ASSERT_OK(second);
  EXPECT_EQ(heard.cached, 3);
  EXPECT_EQ(host.runs_, 2);
  EXPECT_EQ(second->id, first->id);
}

TEST_F(ExecutorTest, ALabelAboveDoesNotRunWhatIsBelowAgain) {
  ASSERT_OK(build("FROM scratch\nLABEL a=1\nRUN [\"write\",\"f\",\"x\"]\n"));
  ASSERT_OK(build("FROM scratch\nLABEL a=2\nRUN [\"write\",\"f\",\"x\"]\n"));
  EXPECT_EQ(host.runs_, 1);
  ASSERT_OK(build("FROM scratch\nENV a=2\nRUN [\"write\",\"f\",\"x\"]\n"));  // which the command can see
  EXPECT_EQ(host.runs_, 2);
}

TEST_F(ExecutorTest, WithoutCacheEverythingRuns) {
  ASSERT_OK(build("FROM scratch\nRUN [\"write\",\"f\",\"x\"]\n"));
  ASSERT_OK(build("FROM scratch\nRUN [\"write\",\"f\",\"x\"]\n", {.use_cache = false}));
  EXPECT_EQ(host.runs_, 2);
}

TEST_F(ExecutorTest, ALostLayerIsMadeAgain) {
  const auto built = build("FROM scratch\nRUN [\"write\",\"f\",\"x\"]\n");
  ASSERT_OK(built);
  ASSERT_OK(store.layers().remove(config(*built).rootfs.diff_ids[0]));
  ASSERT_OK(build("FROM scratch\nRUN [\"write\",\"f\",\"x\"]\n"));
  EXPECT_EQ(host.runs_, 2);
}

TEST_F(ExecutorTest, AFailedCommandIsToldWithItsCodeAndKeepsWhatWasMade) {
  const auto built = build("FROM scratch\nRUN [\"write\",\"f\",\"x\"]\nRUN [\"fail\",\"3\"]\n");
  ASSERT_THAT(built, ErrorIs(Code::failed_precondition));
  EXPECT_EQ(built.error().message, "The command 'fail 3' returned a non-zero code: 3");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->exit_code, 3);
  ASSERT_OK(build("FROM scratch\nRUN [\"write\",\"f\",\"x\"]\n"));
  EXPECT_EQ(heard.cached, 1);
}

TEST_F(ExecutorTest, TheEpochMakesEqualImagesOfEqualInputs) {
  const std::string text = "FROM scratch\nRUN [\"write\",\"f\",\"x\"]\nENV A=1\n";
  const auto first = build(text, {.epoch = 1'000'000'000});
  ASSERT_OK(first);
  const auto second = build(text, {.use_cache = false, .epoch = 1'000'000'000});
  ASSERT_OK(second);
  EXPECT_EQ(second->id, first->id);
  EXPECT_EQ(config(*first).created, "2001-09-09T01:46:40.000000000Z");
}

TEST_F(ExecutorTest, AnImagesHistoryIsACache) {
  const std::string text = "FROM scratch\nENV A=1\nRUN [\"write\",\"f\",\"x\"]\n";
  ASSERT_OK(build(text, {.tags = {"source"}}));
  ASSERT_OK(prune_cache(store, {.all = true}));
  ASSERT_OK(build(text, {.cache_from = {"nosuch", "source"}}));
  EXPECT_EQ(heard.cached, 2);
  ASSERT_OK(build(text, {.cache_from = {"nosuch"}}));
  EXPECT_EQ(heard.cached, 0);
}

TEST_F(ExecutorTest, PruningFreesOnlyWhatNoImageHas) {
  ASSERT_OK(build("FROM scratch\nRUN [\"write\",\"f\",\"used\"]\n", {.tags = {"kept"}}));
  const auto gone = build("FROM scratch\nRUN [\"write\",\"f\",\"unused\"]\n");
  ASSERT_OK(gone);
  ASSERT_OK(store.remove(gone->id.str()));
  EXPECT_TRUE(store.layers().list().value().size() == 2U);  // the cache keeps it
  const auto pruned = prune_cache(store, {});
  ASSERT_OK(pruned);
  EXPECT_EQ(pruned->keys.size(), 1U);
  EXPECT_EQ(store.layers().list().value().size(), 1U);
}

TEST_F(ExecutorTest, ABaseWithoutStepsIsTheImageItself) {
  const auto base = build("FROM scratch\nRUN [\"write\",\"f\",\"x\"]\n", {.tags = {"base"}});
  ASSERT_OK(base);
  const auto same = build("FROM base\n", {.tags = {"other"}});
  ASSERT_OK(same);
  EXPECT_EQ(same->id, base->id);
  EXPECT_EQ(store.inspect("other").value().id, base->id);
}

TEST_F(ExecutorTest, MountPointsOfTheContainerAreInNoLayer) {
  const auto folder = store.layers().scratch().value();
  for (const auto* name : {"/upper/proc", "/upper/dev", "/upper/etc"}) ASSERT_OK(sys::make_directories(folder + name));
  ASSERT_OK(sys::write_file_atomic(folder + "/upper/etc/hosts", ""));
  auto lease = store.lease();
  const auto layer =
      make_layer(store, {.upper = folder + "/upper", .lowers = {dir / "lower"}, .mount_points = true}, lease, StopSource::never());
  ASSERT_OK(layer);
  EXPECT_FALSE(layer->has_value());
}

}  // namespace
}  // namespace fulcrum::image::build
