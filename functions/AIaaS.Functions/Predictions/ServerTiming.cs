using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Predictions;

/// <summary>Tells in <c>Server-Timing</c> how long the stages of an answer took.</summary>
internal static class ServerTiming
{
    private const string Header = "Server-Timing";
    private const int LongestStage = 48;

    /// <param name="response">Not begun yet.</param>
    /// <param name="stages">Names and times, which are told in milliseconds to the microsecond.</param>
    public static void SetServerTiming(this HttpResponse response, params ReadOnlySpan<(string Name, TimeSpan Time)> stages)
    {
        Span<char> text = stackalloc char[LongestStage * stages.Length];
        var length = 0;
        foreach (var (name, time) in stages)
        {
            // Formatting a number by a pattern takes longer than many a stage.
            var (milliseconds, microseconds) = Math.DivRem(time.Ticks / TimeSpan.TicksPerMicrosecond, 1000);
            text[length..].TryWrite($"{(length == 0 ? "" : ", ")}{name};dur={milliseconds}.{microseconds:D3}", out var written);
            length += written;
        }

        response.Headers[Header] = new string(text[..length]);
    }

    /// <summary>Tells that an answer was repeated from memory.</summary>
    public static void SetRepeated(this HttpResponse response) => response.Headers[Header] = "cache";
}
