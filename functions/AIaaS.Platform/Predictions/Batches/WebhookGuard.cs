using System.Net;
using System.Net.Sockets;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Predictions.Batches;

/// <summary>Where webhooks may go.</summary>
public sealed record WebhookOptions
{
    /// <summary>Whether plain HTTP and addresses of this machine and its network are allowed, as on a laptop.</summary>
    public bool AllowLocal { get; init; }

    /// <summary>How long one call may take, its connection included.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a call is tried.</summary>
    public int MaximumAttempts { get; init; } = 6;

    /// <summary>Before the second call; doubled before each further one.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>
/// Keeps webhooks from reaching what only we can reach: our own network, and the metadata service of our machine. A name is
/// resolved once and connected to at the address that was looked at, so that it cannot lead elsewhere in between.
/// </summary>
public sealed class WebhookGuard(WebhookOptions options)
{
    private const int LongestUrl = 2000;

    // Everything that is not the public internet (RFC 6890 and its registries), most of it not private by .NET's own telling.
    private static readonly IPNetwork[] Reserved =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            // Azure's own: DNS, health probes and the agent of the machine.
            "168.63.129.16/32",
            "::/128", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
            "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
        }.Select(network => IPNetwork.Parse(network)),
    ];

    /// <summary>Refuses URLs that no call will be made to.</summary>
    /// <exception cref="ProblemException">It is one; the field is named.</exception>
    public void Demand(Uri url, string field)
    {
        if (Refusal(url) is { } reason)
        {
            throw new ProblemException(Problem.InvalidValue, $"'{field}' {reason}") { Field = field };
        }
    }

    /// <summary>A client that connects to allowed addresses only, follows no redirect, and sends no credentials of ours.</summary>
    public HttpClient CreateClient() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        ConnectTimeout = options.Timeout,
        MaxResponseHeadersLength = 16,
        PooledConnectionLifetime = TimeSpan.FromMinutes(1),
        ConnectCallback = ConnectAsync,
    })
    { Timeout = options.Timeout };

    /// <returns>Whether a webhook may be sent there.</returns>
    internal bool IsAllowed(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return options.AllowLocal || !Reserved.Any(network => network.BaseAddress.AddressFamily == plain.AddressFamily && network.Contains(plain));
    }

    private string? Refusal(Uri url) => url switch
    {
        { IsAbsoluteUri: false } => "must be a whole URL, for instance https://example.com/hook.",
        { OriginalString.Length: > LongestUrl } => $"may have at most {LongestUrl} characters.",
        { UserInfo.Length: > 0 } => "may hold no user name or password; the signature proves who calls.",
        { Fragment.Length: > 0 } => "may have no fragment.",
        { Scheme: "https" } when IPAddress.TryParse(url.DnsSafeHost, out var address) && !IsAllowed(address) => "names an address that is not on the public internet.",
        { Scheme: "https" } => null,
        { Scheme: "http" } when options.AllowLocal => null,
        _ => "must begin with https://.",
    };

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellationToken);
        var allowed = Array.FindAll(addresses, IsAllowed);
        if (allowed.Length == 0)
        {
            throw new HttpRequestException($"'{context.DnsEndPoint.Host}' is not on the public internet.");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
