#include "image/build/plan.h"

#include <algorithm>
#include <charconv>

#include "image/build/expand.h"
#include "image/build/go_text.h"

namespace fulcrum::image::build {

namespace {

std::optional<std::size_t> stage_named(const Dockerfile& file, std::string_view name, std::size_t before) {
  const auto lower = to_lower(name);
  for (std::size_t i = 0; i < std::min(before, file.stages.size()); ++i)
    if (!lower.empty() && file.stages[i].name == lower) return i;
  return std::nullopt;
}

std::optional<long long> number_of(std::string_view text) {
  long long value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<std::size_t> find_target(const Dockerfile& file, const std::string& target) {
  if (target.empty()) return file.stages.size() - 1;
  if (const auto named = stage_named(file, target, file.stages.size())) return *named;
  const auto number = number_of(target);
  if (number && *number >= 0 && static_cast<std::size_t>(*number) < file.stages.size()) return static_cast<std::size_t>(*number);
  return fail(Code::invalid_argument, "target stage {} could not be found", go_quote(target.substr(0, 256)));
}

Result<> check_names(const Dockerfile& file) {
  for (const auto& stage : file.stages)
    if (stage_named(file, stage.name, stage.index))
      return fail(Code::invalid_argument, "dockerfile parse error on line {}: {} stage name already used", stage.line, stage.name);
  return {};
}

Result<> declare_globals(const Dockerfile& file, BuildArgs& args) {
  for (const auto& global : file.globals) {
    auto instruction = global;
    TRY(expand_instruction(instruction, lookup_in(args.globals()), file.escape), "dockerfile parse error on line {}", global.line);
    for (const auto& [name, value] : std::get<Arg>(instruction.what).arguments) args.declare_global(name, value);
  }
  return {};
}

/// Plans one stage after the other.
class Planner {
 public:
  Planner(const Dockerfile& file, const BuildArgs& args) : file_(file), lookup_(lookup_in(args.globals())) {}

  Result<PlannedStage> stage(std::size_t index) {
    const auto& stage = file_.stages[index];
    PlannedStage out;
    out.index = index;
    ExpandOptions options;
    options.escape = file_.escape;
    const auto where = [&] { return fmt::format("dockerfile parse error on line {}", stage.line); };
    out.platform = TRY(expand_word(stage.platform, lookup_, options), "{}: failed to process arguments for platform {}", where(),
                       shown(stage.platform));
    if (!out.platform.empty()) TRY(oci::parse_platform(out.platform), "{}: failed to parse platform {}", where(), shown(out.platform));
    const auto base = TRY(expand_word(stage.base, lookup_, options), "{}", where());
    if (base.empty()) return fail(Code::invalid_argument, "{}: base name ({}) should not be blank", where(), shown(stage.base));
    if (const auto earlier = stage_named(file_, base, index)) {
      out.base.stage = *earlier;
    } else {
      out.base.image = base;
    }
    for (const auto& instruction : stage.instructions)
      TRY(add_copy(out, instruction), "dockerfile parse error on line {}", instruction.line);
    if (out.base.stage) TRY(add_triggers(out, file_.stages[*out.base.stage]));
    note_dependencies(out);
    return out;
  }

 private:
  Result<> add_copy(PlannedStage& out, const Instruction& instruction) const {
    const auto* copy = std::get_if<Copy>(&instruction.what);
    if (copy == nullptr || copy->from.empty()) return {};
    auto origin = TRY(resolve_from(file_, out.index, copy->from));
    if (std::find(out.copies.begin(), out.copies.end(), origin) == out.copies.end()) out.copies.push_back(std::move(origin));
    return {};
  }

  /// What a base stage left to do for those who stand on it.
  Result<> add_triggers(PlannedStage& out, const Stage& base) const {
    for (const auto& instruction : base.instructions) {
      const auto* onbuild = std::get_if<Onbuild>(&instruction.what);
      if (onbuild == nullptr) continue;
      // One that is wrong fails when it fires, as docker has it.
      if (const auto trigger = parse_instruction(onbuild->trigger)) TRY(add_copy(out, *trigger), "{}", shown(onbuild->trigger));
    }
    return {};
  }

  static void note_dependencies(PlannedStage& out) {
    if (out.base.stage) out.depends_on.push_back(*out.base.stage);
    for (const auto& copy : out.copies)
      if (copy.stage) out.depends_on.push_back(*copy.stage);
    std::sort(out.depends_on.begin(), out.depends_on.end());
    out.depends_on.erase(std::unique(out.depends_on.begin(), out.depends_on.end()), out.depends_on.end());
  }

  const Dockerfile& file_;
  Lookup lookup_;
};

}  // namespace

const PlannedStage* Plan::find(std::size_t index) const {
  const auto found = std::find_if(stages.begin(), stages.end(), [&](const PlannedStage& stage) { return stage.index == index; });
  return found == stages.end() ? nullptr : &*found;
}

Result<Origin> resolve_from(const Dockerfile& file, std::size_t index, const std::string& value) {
  if (value.find('$') != std::string::npos) {
    return fail(Code::invalid_argument,
                "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround");
  }
  if (const auto named = stage_named(file, value, index)) return Origin{*named, ""};
  const auto number = number_of(value);
  if (!number) return Origin{std::nullopt, value};
  const auto current = static_cast<long long>(index);
  if (*number == current) return fail(Code::invalid_argument, "invalid from flag value {}: refers to current build stage", value);
  if (*number < 0 || *number > current) return fail(Code::invalid_argument, "invalid from flag value {}: index out of bounds", value);
  return Origin{static_cast<std::size_t>(*number), ""};
}

Result<Plan> plan_build(const Dockerfile& file, BuildArgs& args, const PlanOptions& options) {
  if (file.stages.empty()) return fail(Code::invalid_argument, "No image was generated. Is your Dockerfile empty?");
  Plan out;
  out.target = TRY(find_target(file, options.target));
  TRY(check_names(file));
  TRY(declare_globals(file, args));
  Planner planner(file, args);
  // A stage uses earlier ones only: going down from the target meets each after all that need it.
  std::vector<bool> needed(out.target + 1, !options.only_needed);
  needed[out.target] = true;
  for (auto index = out.target + 1; index-- > 0;) {
    if (!needed[index]) continue;
    auto stage = TRY(planner.stage(index));
    for (const auto other : stage.depends_on) needed[other] = true;
    out.stages.push_back(std::move(stage));
  }
  std::reverse(out.stages.begin(), out.stages.end());
  out.steps = file.globals.size() + out.stages.size();
  for (const auto& stage : out.stages) {
    const auto& instructions = file.stages[stage.index].instructions;
    out.steps += instructions.size();
    for (const auto& instruction : instructions)
      if (options.check_flags) TRY(check_supported(instruction), "dockerfile parse error on line {}", instruction.line);
  }
  return out;
}

}  // namespace fulcrum::image::build
