using System.Buffers.Text;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AIaaS.Benchmarks.Serving;

/// <param name="Requests">Requests answered.</param>
/// <param name="Seconds">In this time.</param>
/// <param name="Median">Of their latency, in milliseconds.</param>
/// <param name="Percentile99">Of their latency, in milliseconds.</param>
/// <param name="ClientMicroseconds">CPU time of the client for each.</param>
internal sealed record Load(int Requests, double Seconds, double Median, double Percentile99, double ClientMicroseconds)
{
    public double PerSecond => Requests / Seconds;
}

/// <summary>Sends the same request over some connections, each the next one when the last is answered.</summary>
internal static class LoadClient
{
    public static byte[] Request(string path, string body, string headers = "") =>
        Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}Content-Length: {body.Length}\r\n\r\n{body}");

    /// <summary>A request whose body is a JSON object with binary data behind it.</summary>
    public static byte[] Request(string path, byte[] body, string headers) =>
        [.. Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n{headers}Content-Length: {body.Length}\r\n\r\n"), .. body];

    public static async Task<Load> SendAsync(int port, byte[] request, int connections, int requestsEach)
    {
        var latencies = new long[connections][];
        var cpu = Environment.CpuUsage.TotalTime;
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, connections).Select(i => Task.Factory.StartNew(
            () => latencies[i] = Send(port, request, requestsEach), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var spent = Environment.CpuUsage.TotalTime - cpu;
        var sorted = latencies.SelectMany(each => each).Order().ToArray();
        return new Load(sorted.Length, seconds, Milliseconds(0.5), Milliseconds(0.99), spent.TotalMicroseconds / sorted.Length);

        double Milliseconds(double quantile) => sorted[(int)(quantile * (sorted.Length - 1))] * 1000.0 / Stopwatch.Frequency;
    }

    private static long[] Send(int port, byte[] request, int requests)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        var latencies = new long[requests];
        var buffer = new byte[1 << 20];
        for (var i = 0; i < requests; i++)
        {
            var began = Stopwatch.GetTimestamp();
            for (var sent = 0; sent < request.Length;)
                sent += socket.Send(request.AsSpan(sent));
            var received = 0;
            do
            {
                var read = socket.Receive(buffer.AsSpan(received));
                if (read == 0)
                    throw new InvalidOperationException("The server closed the connection.");
                received += read;
            }
            while (!IsComplete(buffer.AsSpan(0, received)));
            latencies[i] = Stopwatch.GetTimestamp() - began;
            if (!buffer.AsSpan(0, received).StartsWith("HTTP/1.1 200"u8))
                throw new InvalidOperationException($"The server answered: {Encoding.UTF8.GetString(buffer, 0, received)}");
        }

        return latencies;
    }

    private static bool IsComplete(ReadOnlySpan<byte> response)
    {
        var head = response.IndexOf("\r\n\r\n"u8);
        if (head < 0)
            return false;
        var name = response[..head].IndexOf("\r\nContent-Length: "u8) is >= 0 and var ours ? ours : response[..head].IndexOf("\r\ncontent-length: "u8);
        if (name >= 0)
            return Utf8Parser.TryParse(response[(name + "\r\nContent-Length: ".Length)..], out int length, out _) && response.Length == head + 4 + length;
        return response.EndsWith("\r\n0\r\n\r\n"u8);
    }
}
