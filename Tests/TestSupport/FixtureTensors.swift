import Compute
import Tensors

/// The numbers in a fixture, by name.
public struct FixtureTensors {
  private let tensors: [String: Tensor]

  /// - Parameter name: the path of a safetensors file below Tests/Fixtures.
  public init(_ name: String) throws { tensors = try Safetensors.read(Fixtures.path(name)).tensors }

  private subscript(name: String) -> Tensor {
    guard let tensor = tensors[name] else { preconditionFailure("the fixture has no \(name)") }
    return tensor
  }

  public func shape(_ name: String) -> [Int] { self[name].shape }
  public func floats(_ name: String) -> [Float] { self[name].floats() }
  public func doubles(_ name: String) -> [Double] { elements(name, .float64) }
  public func labels(_ name: String) -> [Int32] { elements(name, .int32) }
  public func bytes(_ name: String) -> [UInt8] { elements(name, .uint8) }

  private func elements<Element: BitwiseCopyable>(_ name: String, _ type: ElementType) -> [Element] {
    let tensor = self[name]
    precondition(tensor.elementType == type, "\(name) is of \(tensor.elementType), not \(type)")
    return tensor.withBytes { bytes in
      (0..<tensor.count).map {
        bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.stride, as: Element.self)
      }
    }
  }
}
