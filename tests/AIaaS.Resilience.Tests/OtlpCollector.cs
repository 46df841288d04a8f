using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Resilience.Tests;

/// <param name="Name">Of the metric.</param>
/// <param name="Tags">Attributes as <c>key=value</c>.</param>
/// <param name="Value">Of a sum its value, of a histogram how many there are in it.</param>
internal sealed record CollectedPoint(string Name, string[] Tags, double Value);

/// <param name="Scope">The activity source.</param>
/// <param name="Trace">32 hexadecimal digits.</param>
/// <param name="Id">16 hexadecimal digits.</param>
/// <param name="Parent">Likewise; empty where there is none.</param>
/// <param name="State">What callers before it said of the trace.</param>
internal sealed record CollectedSpan(string Scope, string Name, string Trace, string Id, string Parent, string State, string[] Tags);

/// <summary>What an OpenTelemetry collector would be sent by OTLP over HTTP, read as far as the tests look at it (opentelemetry-proto 1.x).</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<CollectedPoint> _points = [];
    private readonly ConcurrentQueue<CollectedSpan> _spans = [];

    private OtlpCollector(WebApplication app) => _app = app;

    public string Url => _app.Urls.Single();

    /// <summary>Services that sent anything.</summary>
    public ConcurrentDictionary<string, bool> Services { get; } = [];

    public IEnumerable<CollectedSpan> Spans => _spans;

    public static async Task<OtlpCollector> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var collector = new OtlpCollector(app);
        app.Run(collector.TakeAsync);
        await app.StartAsync();
        return collector;
    }

    /// <summary>The latest value of a metric, over all its points with a tag.</summary>
    public double Sum(string name, string? tag = null) => _points
        .Where(point => point.Name == name && (tag is null || point.Tags.Contains(tag)))
        .GroupBy(point => string.Join(',', point.Tags.Order()))
        .Sum(series => series.Last().Value);

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        foreach (var resource in Message.Read(body.ToArray()).All(1))
        {
            Services[TagsOf(resource.One(1), 1).First(tag => tag.StartsWith("service.name=", StringComparison.Ordinal))[13..]] = true;
            foreach (var scope in resource.All(2))
            {
                foreach (var item in scope.All(2))
                {
                    if (context.Request.Path == "/v1/metrics")
                    {
                        AddMetric(item);
                    }
                    else if (context.Request.Path == "/v1/traces")
                    {
                        _spans.Enqueue(new CollectedSpan(
                            scope.One(1).Text(1), item.Text(5), item.Hex(1), item.Hex(2), item.Hex(4), item.Text(3), TagsOf(item, 9)));
                    }
                }
            }
        }

        context.Response.ContentType = "application/x-protobuf";
    }

    private void AddMetric(Message metric)
    {
        foreach (var point in metric.All(7).SelectMany(sum => sum.All(1)))
        {
            _points.Enqueue(new CollectedPoint(metric.Text(1), TagsOf(point, 7), point.Fixed(6) ?? BitConverter.Int64BitsToDouble(point.Fixed(4) ?? 0)));
        }

        foreach (var point in metric.All(9).SelectMany(histogram => histogram.All(1)))
        {
            _points.Enqueue(new CollectedPoint(metric.Text(1), TagsOf(point, 9), point.Fixed(4) ?? 0));
        }
    }

    private static string[] TagsOf(Message message, int field) =>
        [.. message.All(field).Select(tag => $"{tag.Text(1)}={(tag.One(2).Has(1) ? tag.One(2).Text(1) : tag.One(2).Number(3))}")];

    /// <summary>A Protocol Buffers message as its fields.</summary>
    private sealed class Message
    {
        private readonly List<(int Field, long Number, ReadOnlyMemory<byte> Bytes)> _fields = [];

        public static Message Read(ReadOnlyMemory<byte> bytes)
        {
            var message = new Message();
            for (var at = 0; at < bytes.Length;)
            {
                var tag = ReadNumber();
                var field = (int)(tag >> 3);
                switch (tag & 7)
                {
                    case 0:
                        message._fields.Add((field, ReadNumber(), default));
                        break;
                    case 1:
                        message._fields.Add((field, BinaryPrimitives.ReadInt64LittleEndian(bytes.Span[at..]), default));
                        at += 8;
                        break;
                    case 2:
                        var length = (int)ReadNumber();
                        message._fields.Add((field, 0, bytes.Slice(at, length)));
                        at += length;
                        break;
                    case 5:
                        at += 4;
                        break;
                    default:
                        throw new InvalidDataException("It is no Protocol Buffers message.");
                }

                long ReadNumber()
                {
                    var number = 0L;
                    for (var shift = 0; ; shift += 7)
                    {
                        var next = bytes.Span[at++];
                        number |= (long)(next & 0x7F) << shift;
                        if (next < 0x80)
                        {
                            return number;
                        }
                    }
                }
            }

            return message;
        }

        public bool Has(int field) => _fields.Exists(each => each.Field == field);

        public IEnumerable<Message> All(int field) => _fields.Where(each => each.Field == field).Select(each => Read(each.Bytes));

        public Message One(int field) => All(field).First();

        public string Text(int field) => Encoding.UTF8.GetString(Bytes(field).Span);

        public string Hex(int field) => Convert.ToHexStringLower(Bytes(field).Span);

        public long Number(int field) => _fields.Find(each => each.Field == field).Number;

        public long? Fixed(int field) => Has(field) ? Number(field) : null;

        private ReadOnlyMemory<byte> Bytes(int field) => _fields.Find(each => each.Field == field).Bytes;
    }
}
