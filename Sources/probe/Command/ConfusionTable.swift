import Evaluation
import Files
import Reporting

/// The confusion file: a line a class, with how many of its images were taken for each class.
enum ConfusionTable {
  static func write(
    _ matrix: ConfusionMatrix, classNames: [String], to file: AtomicFileWriter
  ) throws(InputError) {
    try file.append(CSV.line(["label"] + classNames))
    for (label, name) in classNames.enumerated() {
      try file.append(CSV.line([name] + classNames.indices.map { String(matrix[label, $0]) }))
    }
  }
}
