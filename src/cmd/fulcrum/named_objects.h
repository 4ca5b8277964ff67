// Verbs that volumes, networks, secrets and configs have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/verb.h"

namespace fulcrum::cli {

/// key=value words as a JSON object.
inline json::object pairs(const std::vector<std::string>& words) {
  json::object out;
  for (const auto& word : words) {
    const auto eq = word.find('=');
    out[word.substr(0, eq)] = eq == std::string::npos ? std::string() : word.substr(eq + 1);
  }
  return out;
}

/// `ls`: one column per dotted path.
class ListObjects : public Verb {
 public:
  struct Column {
    std::string title, path;
  };
  ListObjects(std::string collection, std::vector<Column> columns) : collection_(std::move(collection)), columns_(std::move(columns)) {}
  void declare(CLI::App& app) override {
    app.add_flag("-q,--quiet", quiet_, "Names only");
    app.add_option("--format", format_, "table or json");
  }
  Result<int> run(Context& context) override {
    const auto answer = TRY(context.call("GET", "/v1/" + collection_));
    if (format_ == "json") {
      print_json(answer);
      return 0;
    }
    std::vector<std::string> titles;
    for (const auto& column : columns_) titles.push_back(column.title);
    Table table(titles);
    for (const auto& item : at(answer, "items").as_array()) {
      if (quiet_) {
        print_line(printable(text_at(item, "spec.name")));
        continue;
      }
      std::vector<std::string> cells;
      for (const auto& column : columns_) cells.push_back(cell(item, column.path));
      table.add(std::move(cells));
    }
    if (!quiet_) table.print();
    return 0;
  }

 protected:
  virtual std::string cell(const json::value& item, const std::string& path) const { return text_at(item, path); }

 private:
  std::string collection_;
  std::vector<Column> columns_;
  bool quiet_ = false;
  std::string format_ = "table";
};

class InspectObject : public Verb {
 public:
  explicit InspectObject(std::string collection) : collection_(std::move(collection)) {}
  void declare(CLI::App& app) override { app.add_option("name", name_, "Name")->required(); }
  Result<int> run(Context& context) override {
    print_json(TRY(context.call("GET", "/v1/" + collection_ + "/" + encode(name_))));
    return 0;
  }

 private:
  std::string collection_, name_;
};

class RemoveObjects : public Verb {
 public:
  explicit RemoveObjects(std::string collection) : collection_(std::move(collection)) {}
  void declare(CLI::App& app) override {
    app.add_option("name", names_, "Names")->required();
    app.add_flag("-f,--force", force_, "Absence is no error");
  }
  Result<int> run(Context& context) override {
    int status = 0;
    for (const auto& name : names_) {
      const auto done = context.call("DELETE", "/v1/" + collection_ + "/" + encode(name));
      if (done || (force_ && done.error().code == Code::not_found)) {
        print_line(printable(name));
        continue;
      }
      note("fulcrum: " + done.error().message);
      status = 1;
    }
    return status;
  }

 private:
  std::string collection_;
  std::vector<std::string> names_;
  bool force_ = false;
};

class PruneObjects : public Verb {
 public:
  explicit PruneObjects(std::string collection) : collection_(std::move(collection)) {}
  void declare(CLI::App&) override {}
  Result<int> run(Context& context) override {
    const auto answer = TRY(context.call("POST", "/v1/" + collection_ + "/prune"));
    if (const auto* names = at(answer, "deleted").if_array())
      for (const auto& name : *names) print_line(printable(std::string(name.as_string())));
    return 0;
  }

 private:
  std::string collection_;
};

}  // namespace fulcrum::cli
