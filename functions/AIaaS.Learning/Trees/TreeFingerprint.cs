using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Trees;

/// <summary>Tells one training of trees from any other, for its checkpoints.</summary>
internal static class TreeFingerprint
{
    /// <param name="input">The data.</param>
    /// <param name="options">All that the trees depend on besides.</param>
    public static string Of<T>(TrainerInput input, T options)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes<float>(input.Features));
        Append(input.Target);
        if (input.Weights is { } weights)
            hash.AppendData(MemoryMarshal.AsBytes<float>(weights));
        if (input.Validation is { } validation)
        {
            hash.AppendData(MemoryMarshal.AsBytes<float>(validation.Features));
            Append(validation.Target);
        }

        hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(options));
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));

        void Append(TrainerTarget target)
        {
            if (target is ClassTarget classes)
                hash.AppendData(MemoryMarshal.AsBytes<int>(classes.Rows));
            if (target is NumberTarget numbers)
                hash.AppendData(MemoryMarshal.AsBytes<double>(numbers.Rows));
        }
    }
}
