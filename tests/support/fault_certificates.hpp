#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace support {

/// Certificates of one authority, made once per process with the openssl program, in a folder that goes with
/// the process.
class Certificates {
 public:
  [[nodiscard]] static const Certificates& get() {
    static const Certificates made;
    return made;
  }

  /// False without the openssl program.
  [[nodiscard]] bool available() const { return available_; }
  [[nodiscard]] std::string authority() const { return path("authority.pem"); }
  /// The part of a server's configuration that has it show one of the certificates: "good" (for 127.0.0.1),
  /// "expired" (in 2020), "elsewhere" (for another host), "stranger" (of an authority that nobody knows).
  [[nodiscard]] std::string server_config(const std::string& name) const {
    return "tls { cert_file: \"" + path(name + ".pem") + "\", key_file: \"" + path(name + ".key") + "\" }\n";
  }

  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

 private:
  Certificates() {
    std::string folder = (std::filesystem::temp_directory_path() / "cliffracer-tls-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
      throw std::system_error{errno, std::generic_category(), "mkdtemp"};
    folder_ = folder;
    // An authority as openssl ca wants it: this command can date certificates back in all versions.
    std::ofstream{path("authority.conf")} << "[ca]\n"
                                             "default_ca=own\n"
                                             "[own]\n"
                                             "database=index.txt\n"
                                             "new_certs_dir=.\n"
                                             "certificate=authority.pem\n"
                                             "private_key=authority.key\n"
                                             "rand_serial=yes\n"
                                             "unique_subject=no\n"
                                             "default_md=sha256\n"
                                             "policy=any\n"
                                             "[any]\n"
                                             "commonName=supplied\n";
    std::ofstream{path("index.txt")};
    available_ = openssl("req -x509 -subj /CN=authority -days 2 -out authority.pem" + new_key("authority")) &&
                 sign("good", "IP:127.0.0.1", "-days 2") &&
                 sign("expired", "IP:127.0.0.1", "-startdate 20200101000000Z -enddate 20200201000000Z") &&
                 sign("elsewhere", "DNS:elsewhere.example", "-days 2") &&
                 openssl(
                     "req -x509 -subj /CN=stranger -addext subjectAltName=IP:127.0.0.1 -days 2"
                     " -out stranger.pem" +
                     new_key("stranger"));
  }

  static std::string new_key(const std::string& name) {
    return " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout " + name + ".key";
  }

  bool sign(const std::string& name, const std::string& host, const std::string& dates) {
    std::ofstream{path(name + ".ext")} << "subjectAltName=" << host << '\n';
    return openssl("req -new -subj /CN=" + name + " -out " + name + ".csr" + new_key(name)) &&
           openssl("ca -batch -notext -config authority.conf -extfile " + name + ".ext -in " + name +
                   ".csr -out " + name + ".pem " + dates);
  }

  [[nodiscard]] bool openssl(const std::string& arguments) const {
    const std::string command =
        "cd '" + folder_.string() + "' && openssl " + arguments + " > openssl.log 2>&1 < /dev/null";
    return std::system(command.c_str()) == 0;
  }

  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
  bool available_ = false;
};

}  // namespace support
