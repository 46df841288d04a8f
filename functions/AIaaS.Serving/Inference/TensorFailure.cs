using System.Text.RegularExpressions;
using AIaaS.Serving.Predictions;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Serving.Inference;

/// <summary>Tells runs that failed for the caller's tensors from those that failed for the model or the machine.</summary>
internal static partial class TensorFailure
{
    private const string OfNode = "Non-zero status code returned while running";
    private const string Status = "Status Message: ";
    private const string OfMemory = "Failed to allocate memory";
    private const int MostReason = 200;

    /// <summary>What a node of the graph says of inputs that it cannot run on.</summary>
    /// <returns>Null where the run failed for another reason.</returns>
    /// <remarks>
    /// ONNX Runtime's codes do not tell: shapes that do not fit together are invalid arguments to one operator and a failure to the next. Where
    /// its message begins with a place in its source, that is left out.
    /// </remarks>
    public static string? ReasonOf(Exception failure)
    {
        if (failure is not PredictionFailedException { InnerException: OnnxRuntimeException { Message: var message } }
            || !message.Contains(OfNode, StringComparison.Ordinal) || message.Contains(OfMemory, StringComparison.Ordinal))
        {
            return null;
        }

        var status = message.IndexOf(Status, StringComparison.Ordinal);
        var reason = status < 0 ? "" : WithoutPlace(message[(status + Status.Length)..]).ReplaceLineEndings(" ").Trim();
        if (reason.Length > MostReason)
            reason = string.Concat(reason.AsSpan(0, MostReason), "…");
        return reason.Length > 0 ? reason : "a node of its graph does not take them";
    }

    private static string WithoutPlace(string text)
    {
        try
        {
            return Place().Replace(text, "");
        }
        catch (RegexMatchTimeoutException)
        {
            return "";
        }
    }

    [GeneratedRegex(@"^(\S+\.(h|cc|cpp):\d+ (.* was false\. |.*\) |\w+ )?)+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex Place();
}
