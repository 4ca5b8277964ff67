// cp: hands over to fulcrum-cp.
#include <unistd.h>

#include <cstdlib>

#include "base/sys.h"
#include "cmd/fulcrum/copy_flags.h"

namespace fulcrum::cli {
namespace {

class Copy final : public CopyFlags {
  Result<int> run(Context& context) override {
    const auto self = TRY(sys::read_link("/proc/self/exe"));
    const auto program = self.substr(0, self.find_last_of('/')) + "/fulcrum-cp";
    std::vector<std::string> words{program};
    if (follow_) words.emplace_back("--follow-link");
    if (archive_) words.emplace_back("--archive");
    words.insert(words.end(), {"--", source_, target_});
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::setenv("FULCRUM_SOCKET", context.socket().c_str(), 1);
    ::execv(program.c_str(), argv.data());
    return fail_errno(errno, "{}", program);
  }
};

constexpr Command kCommands[] = {{"cp", "Inside", kCopySummary, kCopyExamples, make_verb<Copy>}};

}  // namespace

std::span<const Command> copy_commands() { return kCommands; }

}  // namespace fulcrum::cli
