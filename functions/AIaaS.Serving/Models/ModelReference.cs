namespace AIaaS.Serving.Models;

/// <summary>Names one immutable model file.</summary>
/// <param name="Id">Whose model and which, for instance <c>default/penguins</c>; opaque here.</param>
/// <param name="Version">Its version, from 1.</param>
/// <param name="Sha256">SHA-256 of the ONNX file in hexadecimal; a file with another one is not served.</param>
public sealed record ModelReference(string Id, int Version, string Sha256)
{
    public override string ToString() => $"{Id} version {Version}";
}
