using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AIaaS.Platform.Security;

/// <summary>What came of looking at a request's credentials: a caller, or why there is none.</summary>
public readonly record struct Authentication
{
    private Authentication(Caller? caller, Problem? problem, string? detail)
    {
        Caller = caller;
        Problem = problem;
        Detail = detail;
    }

    public Caller? Caller { get; }

    public Problem? Problem { get; }

    public string? Detail { get; }

    internal static Authentication Granted(Caller caller) => new(caller, null, null);

    internal static Authentication Refused(Problem problem, string detail) => new(null, problem, detail);
}

/// <summary>Finds out who sends a request: a key first, else what the platform's own authentication says.</summary>
public sealed class Authenticator(ApiKeys keys, SecurityOptions options)
{
    public const string KeyHeader = "x-api-key";
    private const string BearerPrefix = "Bearer ";

    /// <summary>Completes synchronously for a key in use.</summary>
    public ValueTask<Authentication> AuthenticateAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var headers = request.Headers;
        if (headers.TryGetValue(KeyHeader, out var values))
        {
            return AuthenticateKeyAsync(values, cancellationToken);
        }

        if (options.AcceptBearerKeys && headers.Authorization is [{ } authorization]
            && authorization.StartsWith(BearerPrefix, StringComparison.OrdinalIgnoreCase))
        {
            return AuthenticateKeyAsync(authorization[BearerPrefix.Length..].Trim(), cancellationToken);
        }

        if (options.TrustClientPrincipal && headers.TryGetValue(ClientPrincipal.Header, out var principal))
        {
            return new ValueTask<Authentication>(ClientPrincipal.Authenticate(principal, options.TenantClaim));
        }

        return new ValueTask<Authentication>(Authentication.Refused(Problem.Unauthenticated, $"Send a key in the header '{KeyHeader}'."));
    }

    private ValueTask<Authentication> AuthenticateKeyAsync(StringValues values, CancellationToken cancellationToken)
    {
        if (values is not [{ } text])
        {
            return new ValueTask<Authentication>(Authentication.Refused(Problem.Unauthenticated, $"Send one key in one header '{KeyHeader}'."));
        }

        var finding = keys.FindCallerAsync(text, cancellationToken);
        return finding.IsCompletedSuccessfully ? new ValueTask<Authentication>(Judge(finding.Result)) : JudgeAsync(finding);
    }

    private static async ValueTask<Authentication> JudgeAsync(ValueTask<Caller?> finding) => Judge(await finding);

    private static Authentication Judge(Caller? caller) => caller is null
        ? Authentication.Refused(Problem.Unauthenticated, "The key is unknown, deleted or expired. Check that it was copied whole, or ask an admin for another.")
        : Authentication.Granted(caller);
}
