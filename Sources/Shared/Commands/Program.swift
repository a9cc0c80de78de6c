import ArgumentParser
import CKernels
import Files

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How both programs start and end: results on stdout, diagnostics on stderr, and exit statuses that scripts can
/// rely on: 0 done, 1 bad data, 64 wrong use (`EX_USAGE`), 130 stopped by Ctrl-C.
public enum Program {
  /// The version of both programs, recorded in everything that they write.
  public static let version = "0.1.0"

  /// Parses the command line, runs the command and leaves the process.
  public static func run(
    _ root: any ParsableCommand.Type, _ arguments: [String] = CommandLine.arguments
  ) -> Never {
    // A reader that goes away (`| head`) ends the output, not with a signal but with a failed write.
    signal(SIGPIPE, SIG_IGN)
    guard pb_cpu_environment_is_valid() != 0 else {
      fail("PATCHBANK_CPU must be baseline, avx2, avx512 or avx512bf16", status: EX_USAGE)
    }
    do {
      var command = try root.parseAsRoot(hyphenated(Array(arguments.dropFirst())))
      try command.run()
      exit(EXIT_SUCCESS)
    } catch let error as InputError {
      fail(error.description, status: EXIT_FAILURE)
    } catch let error as InterruptedError {
      fail(error.description, status: 130)
    } catch {
      // Help, versions and wrong use: the parser knows the text and the status (0 or EX_USAGE).
      root.exit(withError: error)
    }
  }

  private static func fail(_ message: String, status: Int32) -> Never {
    let name = CommandLine.arguments.first?.split(separator: "/").last ?? "patchbank"
    StandardError.write("\(name): error: \(message)\n")
    exit(status)
  }

  /// The seed's spelling of options, as in `--data_path`, is turned into ours, `--data-path`; values stay as they are.
  package static func hyphenated(_ arguments: [String]) -> [String] {
    var onlyValues = false
    return arguments.map { argument in
      if argument == "--" { onlyValues = true }
      guard !onlyValues, argument.hasPrefix("--") else { return argument }
      let name = argument.prefix { $0 != "=" }
      return String(name).replacing("_", with: "-") + argument.dropFirst(name.count)
    }
  }
}
