// image …, pull push login, commit export changes
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/clock.h"
#include "base/sys.h"
#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/pull.h"
#include "cmd/fulcrum/verb.h"

namespace fulcrum::cli {
namespace {

std::int64_t size_at(const json::value& value, std::string_view path) {
  const auto& found = at(value, path);
  return found.is_int64() ? found.get_int64() : found.is_uint64() ? static_cast<std::int64_t>(found.get_uint64()) : 0;
}

/// A request body read from a file, or from standard input for "-".
Result<http::ClientRequest> upload(const std::string& path, std::string target, UniqueFd& file) {
  if (path != "-") file = TRY(sys::open(path, O_RDONLY));
  if (path == "-" && ::isatty(STDIN_FILENO) != 0) return fail(Code::invalid_argument, "standard input is a terminal; name a file with -i");
  const int fd = path == "-" ? STDIN_FILENO : file.get();
  http::ClientRequest request{.method = "POST", .target = std::move(target), .content_type = "application/x-tar"};
  request.body_source = [fd](char* data, std::size_t size) -> Result<std::size_t> {
    for (;;) {
      const auto n = ::read(fd, data, size);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) return fail_errno(errno, "read");
    }
  };
  return request;
}

/// Writes a response body to a file (which appears only when it is whole) or to standard output.
Result<> download(http::ClientResponse& response, const std::string& path) {
  if (path.empty() && ::isatty(STDOUT_FILENO) != 0)
    return fail(Code::invalid_argument, "standard output is a terminal; name a file with -o");
  const auto aside = path + ".part";
  UniqueFd file;
  if (!path.empty()) file = TRY(sys::open(aside, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  std::string buffer(1 << 16, '\0');
  for (;;) {
    auto n = response.read(buffer.data(), buffer.size());
    if (n && *n > 0)
      n = sys::write_all(path.empty() ? STDOUT_FILENO : file.get(), std::string_view(buffer.data(), *n))
              ? n
              : fail_errno(errno, "write {}", path);
    if (!n) {
      if (!path.empty()) ::unlink(aside.c_str());
      return std::unexpected(n.error());
    }
    if (*n == 0) break;
  }
  if (!path.empty() && ::rename(aside.c_str(), path.c_str()) < 0) return fail_errno(errno, "rename to {}", path);
  return {};
}

class List final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_flag("-q,--quiet", quiet_, "IDs only");
    app.add_flag("--no-trunc", no_trunc_, "Whole IDs");
    app.add_option("--format", format_, "table or json");
  }
  Result<int> run(Context& context) override {
    const auto answer = TRY(context.call("GET", "/v1/images"));
    if (format_ == "json") {
      print_json(answer);
      return 0;
    }
    const auto now = Clock::system().now();
    Table table({"NAME", "ID", "CREATED", "SIZE"});
    for (const auto& image : at(answer, "items").as_array()) {
      const auto id = text_at(image, "id");
      const auto shown = no_trunc_ ? id : short_id(id);
      if (quiet_) {
        print_line(shown);
        continue;
      }
      const auto* tags = at(image, "tags").if_array();
      const auto row = [&](const std::string& name) {
        table.add({name, shown, ago(text_at(image, "created"), now), format_size(size_at(image, "size"))});
      };
      if (tags == nullptr || tags->empty()) row("<none>");
      if (tags != nullptr)
        for (const auto& tag : *tags) row(std::string(tag.as_string()));
    }
    if (!quiet_) table.print();
    return 0;
  }

 private:
  bool quiet_ = false, no_trunc_ = false;
  std::string format_ = "table";
};

class Pull final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("reference", wish_.reference, "Image")->required();
    app.add_option("--platform", wish_.platform, "os/arch[/variant]");
    app.add_flag("--insecure", wish_.insecure, "Plain HTTP or unverified TLS");
    app.add_flag("-q,--quiet", wish_.quiet, "No progress");
  }
  Result<int> run(Context& context) override {
    const auto last = TRY(pull(context, wish_));
    print_line(text_at(last, "id"));
    return 0;
  }

 private:
  PullWish wish_;
};

class Push final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("reference", reference_, "Image")->required();
    app.add_flag("--insecure", insecure_, "Plain HTTP or unverified TLS");
    app.add_flag("-q,--quiet", quiet_, "No progress");
  }
  Result<int> run(Context& context) override {
    json::object body{{"reference", reference_}};
    if (insecure_) body["insecure"] = true;
    if (auto credentials = credentials_for(reference_); !credentials.is_null()) body["credentials"] = std::move(credentials);
    auto response = TRY(context.stream({.method = "POST", .target = "/v1/images/push", .body = json::serialize(body)}));
    const auto last = TRY(show_progress(response, quiet_), "push {}", reference_);
    print_line(text_at(last, "digest"));
    return 0;
  }

 private:
  std::string reference_;
  bool insecure_ = false, quiet_ = false;
};

class Inspect final : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_option("image", image_, "Image")->required(); }
  Result<int> run(Context& context) override {
    print_json(TRY(context.call("GET", "/v1/images/" + encode(image_))));
    return 0;
  }

 private:
  std::string image_;
};

class History final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("image", image_, "Image")->required();
    app.add_option("--format", format_, "table or json");
  }
  Result<int> run(Context& context) override {
    const auto answer = TRY(context.call("GET", "/v1/images/" + encode(image_) + "/history"));
    if (format_ == "json") {
      print_json(answer);
      return 0;
    }
    const auto now = Clock::system().now();
    Table table({"CREATED", "SIZE", "CREATED BY", "COMMENT"});
    for (const auto& line : at(answer, "items").as_array()) {
      auto by = text_at(line, "createdBy");
      if (by.size() > 60) by = by.substr(0, 60) + "…";
      table.add({ago(text_at(line, "created"), now), format_size(size_at(line, "size")), by, text_at(line, "comment")});
    }
    table.print();
    return 0;
  }

 private:
  std::string image_, format_ = "table";
};

class Tag final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("source", source_, "Image")->required();
    app.add_option("target", target_, "Further name")->required();
  }
  Result<int> run(Context& context) override {
    TRY(context.call("POST", "/v1/images/tag", json::serialize(json::object{{"source", source_}, {"target", target_}})));
    return 0;
  }

 private:
  std::string source_, target_;
};

void print_removed(const json::value& answer) {
  for (const auto* kind : {"untagged", "deleted"})
    if (const auto* list = at(answer, kind).if_array())
      for (const auto& name : *list) print_line(std::string(kind) + ": " + printable(std::string(name.as_string())));
}

class Remove final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("image", images_, "Images")->required();
    app.add_flag("-f,--force", force_, "Also when several names or workloads have it");
  }
  Result<int> run(Context& context) override {
    int status = 0;
    for (const auto& image : images_) {
      const auto answer = context.call("DELETE", "/v1/images/" + encode(image) + "?force=" + (force_ ? "true" : "false"));
      if (answer) {
        print_removed(*answer);
      } else {
        note("fulcrum: " + answer.error().message);
        status = 1;
      }
    }
    return status;
  }

 private:
  std::vector<std::string> images_;
  bool force_ = false;
};

class Prune final : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_flag("-a,--all", all_, "Also images with a name that no workload uses"); }
  Result<int> run(Context& context) override {
    const auto answer = TRY(context.call("POST", std::string("/v1/images/prune?all=") + (all_ ? "true" : "false")));
    print_removed(answer);
    print_line("freed " + format_size(size_at(answer, "bytes")));
    return 0;
  }

 private:
  bool all_ = false;
};

class Load final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("-i,--input", input_, "File: docker-archive or OCI layout, as a tar (default: standard input)");
    app.add_flag("-q,--quiet", quiet_, "No progress");
  }
  Result<int> run(Context& context) override {
    UniqueFd file;
    auto response = TRY(context.stream(TRY(upload(input_, "/v1/images/load", file))));
    const auto answer = TRY(show_progress(response, quiet_), "load");
    if (const auto* images = at(answer, "images").if_array())
      for (const auto& image : *images) print_line(printable(image.is_string() ? std::string(image.as_string()) : text_at(image, "name")));
    return 0;
  }

 private:
  std::string input_ = "-";
  bool quiet_ = false;
};

class Save final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("image", images_, "Images")->required();
    app.add_option("-o,--output", output_, "File (default: standard output)");
  }
  Result<int> run(Context& context) override {
    http::Query query;
    for (const auto& image : images_) query.add("name", image);
    auto response = TRY(context.stream({.target = "/v1/images/save?" + query.encode()}));
    TRY(download(response, output_));
    return 0;
  }

 private:
  std::vector<std::string> images_;
  std::string output_;
};

class Import final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("file", file_, "Tar of a root file system, or -")->required();
    app.add_option("reference", reference_, "Name of the image");
    add_list(app, "-c,--change", changes_, "CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR … as in a Dockerfile");
    app.add_option("-m,--message", message_, "Note in the history");
  }
  Result<int> run(Context& context) override {
    http::Query query;
    if (!reference_.empty()) query.add("reference", reference_);
    if (!message_.empty()) query.add("message", message_);
    for (const auto& change : changes_) query.add("change", change);
    UniqueFd file;
    auto response = TRY(context.stream(TRY(upload(file_, "/v1/images/import?" + query.encode(), file))));
    print_line(text_at(TRY(show_progress(response, false), "import"), "id"));
    return 0;
  }

 private:
  std::string file_, reference_, message_;
  std::vector<std::string> changes_;
};

class Commit final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Workload")->required();
    app.add_option("reference", reference_, "Name of the image");
    add_list(app, "-c,--change", changes_, "CMD, ENTRYPOINT, ENV … as in a Dockerfile");
    app.add_option("-m,--message", message_, "Note in the history");
    app.add_option("-a,--author", author_, "Author");
    app.add_flag("--pause,!--no-pause", pause_, "Pause it meanwhile (default)");
  }
  Result<int> run(Context& context) override {
    http::Query query;
    if (!reference_.empty()) query.add("reference", reference_);
    if (!message_.empty()) query.add("message", message_);
    if (!author_.empty()) query.add("author", author_);
    if (!pause_) query.add("pause", "false");
    for (const auto& change : changes_) query.add("change", change);
    print_line(text_at(TRY(context.call("POST", workload_path(name_) + "/commit?" + query.encode())), "id"));
    return 0;
  }

 private:
  std::string name_, reference_, message_, author_;
  std::vector<std::string> changes_;
  bool pause_ = true;
};

class Export final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Workload")->required();
    app.add_option("-o,--output", output_, "File (default: standard output)");
  }
  Result<int> run(Context& context) override {
    auto response = TRY(context.stream({.target = workload_path(name_) + "/export"}));
    TRY(download(response, output_));
    return 0;
  }

 private:
  std::string name_, output_;
};

class Changes final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Workload")->required();
    app.add_option("--format", format_, "table or json");
  }
  Result<int> run(Context& context) override {
    const auto answer = TRY(context.call("GET", workload_path(name_) + "/changes"));
    if (format_ == "json") {
      print_json(answer);
      return 0;
    }
    for (const auto& change : at(answer, "items").as_array())
      print_line(text_at(change, "kind") + " " + printable(text_at(change, "path")));
    return 0;
  }

 private:
  std::string name_, format_ = "table";
};

constexpr Command kCommands[] = {
    {"commit", "Images", "Make an image of what a workload changed", "  fulcrum commit web web:patched", make_verb<Commit>},
    {"export", "Images", "The file system of a workload as a tar", "  fulcrum export web -o web.tar", make_verb<Export>},
    {"changes", "Images", "Files that a workload added (A), changed (C), deleted (D)", "  fulcrum changes web", make_verb<Changes>},
    {"image ls", "Images", "List images", "  fulcrum image ls", make_verb<List>},
    {"image pull", "Images", "Fetch an image from a registry", "  fulcrum image pull registry.example:5000/shop@sha256:…", make_verb<Pull>},
    {"image push", "Images", "Send an image to a registry", "  fulcrum image push registry.example:5000/shop:1", make_verb<Push>},
    {"image inspect", "Images", "Everything about an image, as JSON", "  fulcrum image inspect nginx", make_verb<Inspect>},
    {"image history", "Images", "How an image was made", "  fulcrum image history nginx", make_verb<History>},
    {"image tag", "Images", "Give an image another name", "  fulcrum image tag nginx registry.example:5000/nginx:1", make_verb<Tag>},
    {"image rm", "Images", "Remove images", "  fulcrum image rm nginx", make_verb<Remove>},
    {"image prune", "Images", "Remove images that nothing uses", "  fulcrum image prune -a", make_verb<Prune>},
    {"image load", "Images", "Read images from an archive", "  fulcrum image load -i shop.tar", make_verb<Load>},
    {"image save", "Images", "Write images to an archive", "  fulcrum image save -o shop.tar shop:1", make_verb<Save>},
    {"image import", "Images", "Make an image of a root file system", "  fulcrum image import rootfs.tar debian -c 'CMD [\"bash\"]'",
     make_verb<Import>},
};

}  // namespace

std::span<const Command> image_commands() { return kCommands; }

}  // namespace fulcrum::cli
