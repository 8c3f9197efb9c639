// Reads sources and finds full-expressions with co_await that hold what g++ 12 gets wrong in them, or what
// looks so:
//   braces       a braced list, whatever it makes; durations of std::chrono are fine, they need no destructor
//   lambda       a lambda that captures anything by value; references and `this` are fine
//   conditional  a conditional operator
//   new          an expression with new
//   temporary    a member of an object made in parentheses: Type(...).f()
// forms/ shows what compilers make of each. It reads tokens and knows no types: what is right, but looks
// wrong, is written otherwise.
//
//   scan PATH...           each source below PATH, and the C++ blocks of Markdown; 1 when something is found
//   scan --marked PATH...  sources in which `// found: rule, rule` stands on each line where something is
//   found, and on no
//                          other; but in safe.cpp, something is found in each FORM
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// Of all sources: expressions with co_await.
int awaiting = 0;

struct Token {
  std::string text;  // of a literal: its first character
  int line = 0;
};

/// The rules that a line breaks.
using Finds = std::map<int, std::set<std::string>>;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_word(const Token& token) { return is_word(token.text[0]); }
bool is_one_of(std::string_view text, std::initializer_list<std::string_view> texts) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

/// Words, numbers, literals, and single characters of everything else but for `->` and `::`. Comments and
/// what is the preprocessor's are left out.
class Tokenizer {
 public:
  Tokenizer(std::string_view source, int line) : source_{source}, line_{line} {}

  std::vector<Token> tokens() {
    bool starts_line = true;
    while (at_ < source_.size()) {
      const char c = source_[at_];
      const std::size_t begin = at_;
      const int line = line_;
      if (c == '\n') {
        starts_line = true;
        skip(1);
        continue;
      }
      if (std::isspace(static_cast<unsigned char>(c)) != 0) {
        skip(1);
        continue;
      }
      if (c == '#' && starts_line) {
        skip_to_end_of_line();
        continue;
      }
      starts_line = false;
      if (starts_with("//")) {
        skip_to_end_of_line();
      } else if (starts_with("/*")) {
        skip_through("*/", 2);
      } else if (starts_with("R\"")) {
        skip_through(")" + std::string{source_.substr(at_ + 2, source_.find('(', at_) - at_ - 2)} + "\"", 2);
        add("\"", line);
      } else if (c == '"' || c == '\'') {
        skip_literal(c);
        add({&c, 1}, line);
      } else if (is_word(c)) {
        const bool is_number = std::isdigit(static_cast<unsigned char>(c)) != 0;
        while (at_ < source_.size() && (is_word(source_[at_]) || (is_number && is_in_number()))) skip(1);
        add(source_.substr(begin, at_ - begin), line);
      } else {
        skip(starts_with("->") || starts_with("::") ? 2 : 1);
        add(source_.substr(begin, at_ - begin), line);
      }
    }
    return std::move(tokens_);
  }

 private:
  bool starts_with(std::string_view text) const { return source_.substr(at_, text.size()) == text; }
  // 1'000'000 and 0.5
  bool is_in_number() const { return source_[at_] == '\'' || source_[at_] == '.'; }
  void add(std::string_view text, int line) { tokens_.push_back({std::string{text}, line}); }

  void skip(std::size_t count) {
    for (; count > 0 && at_ < source_.size(); --count, ++at_) line_ += source_[at_] == '\n' ? 1 : 0;
  }
  void skip_through(std::string_view end, std::size_t from) {
    skip(std::min(source_.find(end, at_ + from), source_.size()) - at_ + end.size());
  }
  void skip_to_end_of_line() {
    while (at_ < source_.size() && source_[at_] != '\n') skip(source_[at_] == '\\' ? 2 : 1);
  }
  void skip_literal(char quote) {
    skip(1);
    while (at_ < source_.size() && source_[at_] != quote) skip(source_[at_] == '\\' ? 2 : 1);
    skip(1);
  }

  std::string_view source_;
  std::size_t at_ = 0;
  int line_;
  std::vector<Token> tokens_;
};

/// Goes through statements, and notes of each full-expression what is in it.
class Reader {
 public:
  Reader(std::vector<Token> tokens, Finds& finds) : tokens_{std::move(tokens)}, finds_{finds} {}

  /// Returns how many expressions await something.
  int read() {
    while (!at_end()) {
      read_block();
      ++at_;  // a brace too many: of a snippet that begins within something
    }
    return awaiting_;
  }

 private:
  struct Expression {
    bool awaits = false;
    Finds found;
  };

  bool at_end() const { return at_ >= tokens_.size(); }
  std::string_view text(std::size_t index) const {
    return index < tokens_.size() ? std::string_view{tokens_[index].text} : std::string_view{};
  }
  std::string_view before(std::size_t count = 1) const {
    return at_ >= count ? text(at_ - count) : std::string_view{};
  }

  /// Statements up to the brace that closes the block, or the end.
  void read_block() {
    while (!at_end() && text(at_) != "}") read_statement();
  }

  /// To behind its semicolon or block. The head of an `if`, and such, is one of its own.
  void read_statement() {
    if (is_one_of(text(at_), {"if", "while", "for", "switch", "catch"})) {
      while (!at_end() && text(at_) != "(") ++at_;
      ++at_;
      while (!at_end() && text(at_) != ")") {
        read_expression(true);
        if (text(at_) == ";") ++at_;
      }
      ++at_;
      return;
    }
    if (is_one_of(text(at_), {"else", "do", "try", ";"})) {
      ++at_;
      return;
    }
    read_expression(false);
    if (text(at_) == "{") {
      ++at_;
      read_block();
      ++at_;
    } else if (text(at_) == ";") {
      ++at_;
    }
  }

  /// One full-expression, or a declaration. Stops in front of what ends it.
  void read_expression(bool is_head) {
    Expression expression;
    std::vector<char> open;
    bool declares_type = false;
    bool has_trailing_return = false;
    const std::size_t begin = at_;
    for (; !at_end(); ++at_) {
      const std::string_view token = text(at_);
      if (open.empty() && (token == ";" || token == "}" || (is_head && token == ")"))) break;
      if (open.empty() && !is_head && token == "{" &&
          (at_ == begin || declares_type || has_trailing_return || follows_head())) {
        break;
      }
      if (open.empty()) {
        declares_type |= is_one_of(token, {"class", "struct", "union", "enum", "namespace", "extern"});
        has_trailing_return |= token == "->" && is_one_of(before(), {")", "const", "noexcept"});
      }
      if (token == "[") {
        read_bracket(expression);
        continue;
      }
      note(expression);
      if (token == "(" || token == "{") open.push_back(token[0]);
      if ((token == ")" || token == "}") && !open.empty()) open.pop_back();
    }
    if (!expression.awaits) return;
    ++awaiting_;
    for (const auto& [line, rules] : expression.found) finds_[line].insert(rules.begin(), rules.end());
  }

  /// Of a brace outside of parentheses: whether it begins the body of a function and not a list.
  bool follows_head() const {
    return is_one_of(before(),
                     {")", "}", ":", "&", "const", "noexcept", "override", "final", "mutable", "try"});
  }

  /// What the token at hand says of the expression.
  void note(Expression& expression) {
    const std::string_view token = text(at_);
    if (token == "co_await") expression.awaits = true;
    if (token == "?") add(expression, "conditional");
    if (token == "new" && before() != "operator") add(expression, "new");
    if (token == "{" && !is_duration()) add(expression, "braces");
    if (token == "(" && is_type(before()) && is_one_of(text(end_of_parentheses(at_)), {".", "->"})) {
      add(expression, "temporary");
    }
  }

  void add(Expression& expression, const char* rule) { expression.found[tokens_[at_].line].insert(rule); }

  /// By the naming rules of this project.
  static bool is_type(std::string_view word) {
    return word.size() > 1 && std::isupper(static_cast<unsigned char>(word[0])) != 0 &&
           std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::islower(c) != 0; });
  }

  /// std::chrono::seconds{1}
  bool is_duration() const {
    return is_one_of(before(),
                     {"nanoseconds", "microseconds", "milliseconds", "seconds", "minutes", "hours"}) &&
           before(2) == "::" && before(3) == "chrono" && before(4) == "::" && before(5) == "std";
  }

  /// Behind the parenthesis that closes the one at `index`.
  std::size_t end_of_parentheses(std::size_t index) const {
    int depth = 0;
    for (; index < tokens_.size(); ++index) {
      if (is_one_of(text(index), {"(", "[", "{"})) ++depth;
      if (is_one_of(text(index), {")", "]", "}"}) && --depth == 0) return index + 1;
    }
    return index;
  }

  /// A lambda, its body read as statements of its own, or something else in brackets. Ends on its last token.
  void read_bracket(Expression& expression) {
    const std::size_t begin = at_;
    const std::size_t behind = end_of_parentheses(begin);
    if (text(at_ + 1) == "[") {  // an attribute
      at_ = behind - 1;
      return;
    }
    const std::size_t body = body_of_lambda(behind);
    if (is_index() || body == 0) return;
    if (captures_value(begin + 1, behind - 1)) add(expression, "lambda");
    for (at_ = begin + 1; at_ < behind - 1; ++at_) note(expression);
    at_ = body + 1;
    read_block();
  }

  /// Of the bracket at hand: whether it is an index, an array, or a structured binding.
  bool is_index() const {
    if (at_ == 0) return false;
    if (before() == "auto" || (before() == "&" && is_one_of(before(2), {"auto", "&"}))) return true;
    if (is_one_of(before(), {")", "]", "\""})) return true;
    return is_word(tokens_[at_ - 1]) &&
           !is_one_of(before(), {"return", "co_return", "co_await", "co_yield", "case", "throw"});
  }

  /// Where the body of a lambda begins whose captures end before `index`; 0 when it has none.
  std::size_t body_of_lambda(std::size_t index) const {
    while (index < tokens_.size() && text(index) != "{") {
      if (is_one_of(text(index), {";", ",", ")", "]", "}", "="})) return 0;
      if (text(index) == "<") {
        index = end_of_angles(index);
      } else {
        index = text(index) == "(" ? end_of_parentheses(index) : index + 1;
      }
    }
    return index < tokens_.size() ? index : 0;
  }

  std::size_t end_of_angles(std::size_t index) const {
    int depth = 0;
    for (; index < tokens_.size(); ++index) {
      if (text(index) == "<") ++depth;
      if (text(index) == ">" && --depth == 0) return index + 1;
    }
    return index;
  }

  /// Whether one of the captures between the two is neither a reference nor `this`.
  bool captures_value(std::size_t begin, std::size_t end) const {
    bool starts = true;
    int depth = 0;
    for (std::size_t index = begin; index < end; ++index) {
      if (starts && text(index) != "&" && !(text(index) == "this")) return true;
      if (is_one_of(text(index), {"(", "{", "["})) ++depth;
      if (is_one_of(text(index), {")", "}", "]"})) --depth;
      starts = depth == 0 && text(index) == ",";
    }
    return false;
  }

  std::vector<Token> tokens_;
  Finds& finds_;
  std::size_t at_ = 0;
  int awaiting_ = 0;
};

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream file{path};
  if (!file) throw std::runtime_error{"cannot read " + path.string()};
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

void read_lines(const std::vector<std::string>& lines, std::size_t begin, std::size_t end, Finds& finds) {
  std::string source;
  for (std::size_t i = begin; i < end; ++i) source += lines[i] + "\n";
  awaiting += Reader{Tokenizer{source, static_cast<int>(begin) + 1}.tokens(), finds}.read();
}

Finds finds_in(const std::filesystem::path& path) {
  const std::vector<std::string> lines = lines_of(path);
  Finds finds;
  if (path.extension() != ".md") {
    read_lines(lines, 0, lines.size(), finds);
    return finds;
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find("```cpp") == std::string::npos) continue;
    const std::size_t begin = ++i;
    while (i < lines.size() && lines[i].find("```") == std::string::npos) ++i;
    read_lines(lines, begin, i, finds);
  }
  return finds;
}

/// What the comments `// found: ...` say of each line.
Finds marks_in(const std::vector<std::string>& lines) {
  const std::string mark = "// found: ";
  Finds marks;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t at = lines[i].find(mark);
    if (at == std::string::npos) continue;
    std::istringstream rules{lines[i].substr(at + mark.size())};
    for (std::string rule; rules >> rule;) {
      if (rule.back() == ',') rule.pop_back();
      marks[static_cast<int>(i) + 1].insert(rule);
    }
  }
  return marks;
}

/// Prints, and counts.
int report(const std::filesystem::path& path, const Finds& finds, const Finds& others, const char* words) {
  int count = 0;
  for (const auto& [line, rules] : finds) {
    for (const std::string& rule : rules) {
      const auto other = others.find(line);
      if (other != others.end() && other->second.count(rule) != 0) continue;
      std::printf("%s:%d: %s: %s\n", path.c_str(), line, rule.c_str(), words);
      ++count;
    }
  }
  return count;
}

int check_marks(const std::filesystem::path& path) {
  const std::vector<std::string> lines = lines_of(path);
  const Finds finds = finds_in(path);
  const Finds marks = marks_in(lines);
  int faults = report(path, finds, marks, "found, but not marked") +
               report(path, marks, finds, "marked, but not found");
  const std::string name = path.filename().string();
  if (name == "safe.cpp") return faults;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].rfind("FORM(", 0) != 0) continue;
    std::size_t end = i + 1;
    while (end < lines.size() && lines[end].rfind("FORM(", 0) != 0) ++end;
    const auto first = finds.upper_bound(static_cast<int>(i));
    if (first != finds.end() && first->first <= static_cast<int>(end)) continue;
    std::printf("%s:%zu: nothing is found in this form\n", path.c_str(), i + 1);
    ++faults;
  }
  return faults;
}

std::vector<std::filesystem::path> sources_below(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> sources;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{path}) {
    const std::filesystem::path extension = entry.path().extension();
    if (extension == ".cpp" || extension == ".hpp" || extension == ".ipp") sources.push_back(entry.path());
  }
  std::sort(sources.begin(), sources.end());
  if (sources.empty()) throw std::runtime_error{"no source below " + path.string()};
  return sources;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool marked = !arguments.empty() && arguments[0] == "--marked";
  const std::vector<std::string> paths(arguments.begin() + (marked ? 1 : 0), arguments.end());
  if (paths.empty()) throw std::runtime_error{"usage: scan [--marked] PATH..."};
  int faults = 0;
  int files = 0;
  for (const std::string& path : paths) {
    for (const auto& source : sources_below(path)) {
      ++files;
      faults += marked ? check_marks(source)
                       : report(source, finds_in(source), {},
                                "g++ 12 may get it wrong beside co_await; use a named local");
    }
  }
  std::printf("%d files, %d expressions with co_await, %d faults\n", files, awaiting, faults);
  // Sources without any would mean that others were meant.
  return faults == 0 && awaiting > 0 ? 0 : 1;
} catch (const std::exception& failure) {
  std::fprintf(stderr, "scan: %s\n", failure.what());
  return 2;
}
