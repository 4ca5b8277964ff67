// Builds tars for tests, byte by byte, so that hostile ones can be built too.
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::image::testing {

/// One ustar header, with pax records before it when asked for.
struct TarItem {
  std::string name;
  char type = '0';  ///< '0' file, '1' hard link, '2' symlink, '3' char, '4' block, '5' folder, '6' fifo
  std::string data;
  std::string link;
  unsigned mode = 0644;
  unsigned uid = 0;
  unsigned gid = 0;
  unsigned long mtime = 1'600'000'000;
  unsigned major = 0;
  unsigned minor = 0;
  std::vector<std::pair<std::string, std::string>> pax;  ///< "SCHILY.xattr.user.x" → value, "path" → …
};

inline std::string tar_header(const TarItem& item, std::size_t size) {
  std::string block(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { block.replace(at, text.size(), text); };
  const auto octal = [&](std::size_t at, int width, unsigned long value) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*lo", width, value);
    put(at, text);
  };
  put(0, item.name.substr(0, 100));
  octal(100, 7, item.mode);
  octal(108, 7, item.uid);
  octal(116, 7, item.gid);
  octal(124, 11, size);
  octal(136, 11, item.mtime);
  block[156] = item.type;
  put(157, item.link.substr(0, 100));
  put(257, std::string("ustar\0", 6) + "00");
  octal(329, 7, item.major);
  octal(337, 7, item.minor);
  put(148, "        ");
  unsigned long sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  octal(148, 6, sum);
  block[154] = '\0';
  return block;
}

inline std::string padded(std::string data) {
  data.resize((data.size() + 511) / 512 * 512, '\0');
  return data;
}

inline std::string pax_record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  std::size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) length = std::to_string(length).size() + rest.size();
  return std::to_string(length) + rest;
}

/// A tar with its end mark, unless `ended` is false.
inline std::string make_tar(const std::vector<TarItem>& items, bool ended = true) {
  std::string out;
  for (const auto& item : items) {
    std::string records;
    for (const auto& [key, value] : item.pax) records += pax_record(key, value);
    if (!records.empty()) out += tar_header({.name = "PaxHeaders", .type = 'x'}, records.size()) + padded(records);
    out += tar_header(item, item.data.size()) + padded(item.data);
  }
  if (ended) out.append(1024, '\0');
  return out;
}

/// A file in memory that holds `data`, standing at its start.
inline UniqueFd memory_file(const std::string& data) {
  UniqueFd fd(::memfd_create("tar", MFD_CLOEXEC));
  FULCRUM_ASSERT(fd.valid() && ::pwrite(fd.get(), data.data(), data.size(), 0) == static_cast<ssize_t>(data.size()));
  return fd;
}

}  // namespace fulcrum::image::testing
