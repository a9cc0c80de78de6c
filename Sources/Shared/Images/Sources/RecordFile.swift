import Files

/// A binary file of so many records of one size and nothing else.
struct RecordFile: Sendable {
  let path: String
  let count: Int
  private let recordByteCount: Int
  private let contents: FileSlice

  /// - Throws: ``InputError`` where the file cannot be read or is of any other size.
  init(folder: String, name: String, count: Int, recordByteCount: Int) throws(InputError) {
    path = joined(folder, name)
    self.count = count
    self.recordByteCount = recordByteCount
    contents = FileSlice(try MappedFile(path))
    guard contents.count == count * recordByteCount else {
      throw InputError(
        path,
        "has \(contents.count) bytes instead of \(count * recordByteCount) (\(count) records of \(recordByteCount))",
        remedy: "get a whole copy of it")
    }
  }

  /// - Parameter record: from 0, less than the number of records.
  subscript(record: Int) -> FileSlice {
    contents.slice(at: record * recordByteCount, count: recordByteCount)!
  }

  /// The label of a record.
  ///
  /// - Parameters:
  ///   - offset: where in the record it is.
  ///   - first: the byte that stands for the class 0.
  /// - Throws: ``InputError`` that names the record, where there is no such class.
  func label(_ record: Int, at offset: Int, first: UInt8 = 0, classCount: Int) throws(InputError) -> Int32 {
    let byte = self[record].byte(at: offset)!
    guard byte >= first, Int(byte - first) < classCount else {
      throw InputError(
        path,
        "holds the label \(byte) in record \(record), outside \(first) to \(Int(first) + classCount - 1)",
        remedy: "get a good copy of it")
    }
    return Int32(byte - first)
  }

  /// Names a record within the data set, as in `test_batch.bin/00017`.
  static func id(_ name: String, _ record: Int) -> String { name + "/" + record.digits(width: 5) }

  /// The name of a split among a data set's own; what others call `val` is the test set here.
  static func split(_ name: String?, among names: [String], of path: String) throws(InputError) -> String {
    let remedy = "choose \(names.joined(separator: " or ")) with --split"
    guard let name else { throw InputError(path, "has several splits", remedy: remedy) }
    let split = name == "val" ? "test" : name
    guard names.contains(split) else {
      throw InputError(path, "has no split named \"\(name)\"", remedy: remedy)
    }
    return split
  }
}

extension RGBImage {
  /// An image out of three planes, red first.
  ///
  /// - Parameters:
  ///   - planes: [3, height * width]
  ///   - rowStride: how many bytes of a plane the next row's pixel is away; likewise the next column's.
  init(
    planes: UnsafeRawBufferPointer, height: Int, width: Int, rowStride: Int, columnStride: Int
  ) {
    let planeSize = height * width
    let pixels = [UInt8](unsafeUninitializedCapacity: 3 * planeSize) { pixels, count in
      for y in 0..<height {
        for x in 0..<width {
          for channel in 0..<3 {
            pixels[(y * width + x) * 3 + channel] =
              planes[channel * planeSize + y * rowStride + x * columnStride]
          }
        }
      }
      count = 3 * planeSize
    }
    self.init(height: height, width: width, pixels: pixels)
  }
}
