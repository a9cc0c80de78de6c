import Compute
import Files
import Tensors

/// Heads as state dictionaries, under the names of the seed's `nn.Sequential`: `0.attention_predictor.0.weight`,
/// `1.running_mean`, `2.weight` for a pooling with parameters; `0.running_mean`, `1.weight` for the others.
extension Head {
  private var hasPoolingModule: Bool { description.features.isAttentive }

  /// The name of each parameter in the state dictionary, in the order of ``parameters``.
  public var parameterNames: [String] {
    parameters.map { parameter in
      parameter.name.hasPrefix("linear.")
        ? "\(hasPoolingModule ? 2 : 1).\(parameter.name.dropFirst("linear.".count))" : "0.\(parameter.name)"
    }
  }

  /// Every batch norm by its name in the state dictionary.
  private var namedBatchNorms: [(name: String, norm: BatchNorm)] {
    pooling.batchNorms.map { ("0.\($0.key)", $0.value) } + [(hasPoolingModule ? "1" : "0", batchNorm)]
  }

  /// What PyTorch's `load_state_dict(strict=True)` takes into the seed's modules.
  public func stateDictionary() -> [String: Tensor] {
    var state: [String: Tensor] = [:]
    for (name, parameter) in zip(parameterNames, parameters) {
      state[name] = Tensor(parameter.values.buffer, shape: parameter.shape)
    }
    for constant in pooling.constants {
      state["0.\(constant.name)"] = Tensor(constant.values.buffer, shape: constant.shape)
    }
    for (name, norm) in namedBatchNorms {
      state["\(name).running_mean"] = Tensor(norm.runningMean.buffer, shape: [norm.width])
      state["\(name).running_var"] = Tensor(norm.runningVariance.buffer, shape: [norm.width])
      state["\(name).num_batches_tracked"] = Tensor(
        owning: SharedBuffer(withUnsafeBytes(of: norm.batchCount[0].littleEndian) { Array($0) }),
        elementType: .int64, shape: [])
    }
    return state
  }

  /// Takes over a state dictionary.
  ///
  /// - Parameter file: where it comes from, for errors.
  /// - Throws: where a name is missing, left over, or of another shape or type. The head is then as it was.
  public func load(_ state: [String: Tensor], file: String) throws(InputError) {
    let own = stateDictionary()
    let missing = own.keys.filter { state[$0] == nil }.sorted()
    let extra = state.keys.filter { own[$0] == nil }.sorted()
    guard missing.isEmpty, extra.isEmpty else {
      throw InputError(
        file, "is not a head of this kind (missing: \(list(missing)); left over: \(list(extra)))",
        remedy: "use the run's own head.safetensors")
    }
    for (name, tensor) in state {
      guard let expected = own[name], tensor.shape == expected.shape,
        tensor.elementType == expected.elementType
      else {
        throw InputError(
          file,
          "\(name) is \(tensor.elementType) \(tensor.shape), not \(own[name]!.elementType) \(own[name]!.shape)"
        )
      }
    }
    for (name, parameter) in zip(parameterNames, parameters) { copy(state[name]!, to: parameter.values) }
    for constant in pooling.constants { copy(state["0.\(constant.name)"]!, to: constant.values) }
    for (name, norm) in namedBatchNorms {
      copy(state["\(name).running_mean"]!, to: norm.runningMean)
      copy(state["\(name).running_var"]!, to: norm.runningVariance)
      state["\(name).num_batches_tracked"]!.withBytes { bytes in
        norm.batchCount[0] = bytes.loadUnaligned(as: Int64.self)
      }
    }
  }

  private func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ", ") }

  private func copy(_ tensor: Tensor, to buffer: SharedBuffer<Float>) {
    tensor.withBytes { UnsafeMutableRawBufferPointer(buffer.buffer).copyMemory(from: $0) }
  }
}
