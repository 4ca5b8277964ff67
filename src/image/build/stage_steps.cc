// What the instructions of a stage do to its files.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "image/build/layer_maker.h"
#include "image/build/stage.h"
#include "os/overlay.h"

namespace fulcrum::image::build {

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// A list as one string that no other list gives.
std::string packed(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += std::to_string(word.size()) + ":" + word;
  return text;
}

const Transfer& transfer_of(const Instruction& instruction) {
  if (const auto* copy = std::get_if<Copy>(&instruction.what)) return copy->transfer;
  return std::get<Add>(instruction.what).transfer;
}

/// Makes a folder and those above it, links on the way followed within the root. True: something was made.
Result<bool> make_folders(int root, const std::string& path) {
  bool made = false;
  std::string so_far = ".";
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    const auto name = path.substr(at, end - at);
    at = end + 1;
    if (name.empty()) continue;
    const auto parent = TRY(sys::open_in_root(root, so_far, O_RDONLY | O_DIRECTORY));
    so_far += "/" + name;
    if (const auto there = sys::open_in_root(root, so_far, O_PATH | O_DIRECTORY)) continue;
    if (::mkdirat(parent.get(), name.c_str(), 0755) != 0) return fail_errno(errno, "make folder {}", path);
    made = true;
  }
  return made;
}

}  // namespace

// ---- config ----

Result<> StageBuild::change_config(const Instruction& instruction) {
  const auto before = oci::to_json({.config = state_.config.config});
  const auto comment = TRY(apply_instruction(state_.config, instruction));
  const auto key = key_of({"config", before, comment});
  if (const auto known = TRY(find(key, comment))) return reuse(*known);
  return finish({key}, comment, std::nullopt);
}

Result<> StageBuild::change_workdir(const Instruction& instruction) {
  const auto before = oci::to_json({.config = state_.config.config});
  const auto comment = TRY(apply_instruction(state_.config, instruction));
  const auto key = key_of({"workdir", before, comment});
  if (const auto known = TRY(find(key, comment))) return reuse(*known);
  return finish({key}, comment, TRY(make_folder(state_.config.config.working_dir), "WORKDIR"));
}

Result<std::optional<BuiltLayer>> StageBuild::make_folder(const std::string& path) {
  const auto slot = TRY(shared_.slots.take(shared_.stop));
  const auto folder = TRY(shared_.workspace());
  const ScopeExit clean([&] { static_cast<void>(sys::remove_tree(folder)); });
  const auto lowers = TRY(shared_.lowers(state_.layers));
  {
    const auto root = TRY(mount_overlay_detached({.lowers = lowers, .upper = folder + "/upper", .work = folder + "/work"}));
    if (!TRY(make_folders(root.get(), path))) return std::nullopt;
  }
  return make_layer(shared_.store, {.upper = folder + "/upper", .lowers = lowers, .epoch = shared_.spec.epoch}, shared_.lease,
                    shared_.stop);
}

// ---- RUN ----

Result<> StageBuild::run_command(const Run& run) {
  const auto comment = run_comment(state_.config, run);
  const auto& config = state_.config.config;
  RunStep step{.lowers = {}, .config = image_config(state_), .words = run_words(config, run), .network = run.network};
  step.config.config.env = run_environment(state_.config);
  auto counted = config.env;
  for (const auto& one : state_.config.args.allowed(config.env))
    if (state_.config.args.counts(one.substr(0, one.find('=')))) counted.push_back(one);
  const auto key = key_of({"run", packed(step.words), packed(counted), config.user, config.working_dir, run.network});
  if (const auto known = TRY(find(key, comment))) return reuse(*known);
  step.lowers = TRY(shared_.lowers(state_.layers));
  return finish({key}, comment, TRY(execute(step)));
}

Result<std::optional<BuiltLayer>> StageBuild::execute(const RunStep& step) {
  const auto slot = TRY(shared_.slots.take(shared_.stop));
  const auto run = shared_.host.new_run();
  TRY(tell(BuildEvent::Kind::running, {}, run));
  const ScopeExit discard([&] { shared_.host.discard(run); });
  const auto output = [&](bool error_output, std::string_view text) {
    return shared_.events.tell({.kind = BuildEvent::Kind::output,
                                .stage = planned_.index,
                                .number = number_,
                                .text = std::string(text),
                                .id = run,
                                .error_output = error_output});
  };
  const auto outcome = TRY(shared_.host.run_step(run, step, output, shared_.stop));
  if (outcome.exit_code != 0) {
    const std::lock_guard lock(shared_.mutex);
    shared_.failed = FailedCommand{.exit_code = outcome.exit_code};
    return fail(Code::failed_precondition, "The command '{}' returned a non-zero code: {}{}{}", joined(step.words), outcome.exit_code,
                outcome.error.empty() ? "" : ": ", outcome.error);
  }
  const LayerSpec spec{.upper = outcome.upper, .lowers = step.lowers, .mount_points = true, .epoch = shared_.spec.epoch};
  auto layer = TRY(make_layer(shared_.store, spec, shared_.lease, shared_.stop));
  TRY(tell(BuildEvent::Kind::removed, {}, run));
  return layer;
}

// ---- COPY and ADD ----

Result<std::vector<ImageLayer>> StageBuild::source_layers(const std::string& from) {
  const auto origin = TRY(resolve_from(shared_.spec.file, planned_.index, from));
  if (origin.stage) {
    if (shared_.spec.plan.find(*origin.stage) == nullptr)
      return fail(Code::invalid_argument, "invalid from flag value {}: the stage is not among those that are built", from);
    return TRY(shared_.results[*origin.stage].wait(shared_.stop))->layers;
  }
  const auto slot = TRY(shared_.slots.take(shared_.stop));
  const auto id =
      TRY(shared_.host.find_image(origin.image, shared_.spec.platform_text, {}, shared_.stop), "invalid from flag value {}", from);
  auto layers = TRY(shared_.store.inspect(id.str())).layers;
  TRY(protect(layers));
  return layers;
}

Result<> StageBuild::transfer(const Instruction& instruction) {
  const auto* copied = std::get_if<Copy>(&instruction.what);
  const bool from_context = copied == nullptr || copied->from.empty();
  const auto& chown = transfer_of(instruction).chown;
  const auto& workdir = state_.config.config.working_dir;
  UniqueFd mounted;
  std::string quick_key;  // of files that come from layers: no need to look at them
  if (!from_context) {
    const auto layers = TRY(source_layers(copied->from));
    std::string identity;
    for (const auto& layer : layers) identity += layer.diff_id.str();
    quick_key = key_of({"copy from", identity, instruction.original, packed(visible_environment(state_.config)), workdir});
    if (const auto known = TRY(find_by_key(quick_key))) return reuse(*known);
    mounted = TRY(mount_overlay_detached({.lowers = TRY(shared_.lowers(layers))}), "{}", instruction.original);
  }
  const auto downloads = TRY(shared_.workspace());
  const ScopeExit clean([&] { static_cast<void>(sys::remove_tree(downloads)); });
  const CopySource source{.root = from_context ? shared_.spec.context : mounted.get(),
                          .is_context = from_context,
                          .stop = &shared_.stop,
                          .download = [&](const std::string& url) { return shared_.host.download(url, downloads, shared_.stop); }};
  const auto slot = TRY(shared_.slots.take(shared_.stop));
  const auto plan = TRY(plan_copy(instruction, source, workdir));
  const auto comment = copy_comment(state_.config, instruction, plan.source_hash);
  const auto& files = transfer_of(instruction);
  const auto key = key_of({name_of(instruction), plan.source_hash, plan.destination, chown, files.chmod, packed(files.exclude), comment,
                           plan.keep_owner ? "keep" : ""});
  if (const auto known = TRY(find(key, comment))) {
    if (!quick_key.empty() && !known->key.empty())
      if (auto row = TRY(shared_.store.build_cache().find(known->key))) {
        row->key = quick_key;
        TRY(shared_.store.build_cache().put(*row));
      }
    return reuse(*known);
  }
  const auto layer = TRY(copy(plan, chown));
  return quick_key.empty() ? finish({key}, comment, layer) : finish({key, quick_key}, comment, layer);
}

Result<std::optional<BuiltLayer>> StageBuild::copy(const CopyPlan& plan, const std::string& chown) {
  const auto folder = TRY(shared_.workspace());
  const ScopeExit clean([&] { static_cast<void>(sys::remove_tree(folder)); });
  const auto lowers = TRY(shared_.lowers(state_.layers));
  {
    const auto root = TRY(mount_overlay_detached({.lowers = lowers, .upper = folder + "/upper", .work = folder + "/work"}));
    std::optional<Owner> owner;
    if (!chown.empty()) owner = TRY(parse_chown(chown, root.get()));
    TRY(perform_copy(plan, root.get(), owner, shared_.stop));
  }
  return make_layer(shared_.store, {.upper = folder + "/upper", .lowers = lowers, .epoch = shared_.spec.epoch}, shared_.lease,
                    shared_.stop);
}

}  // namespace fulcrum::image::build
