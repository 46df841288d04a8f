using System.Security.Claims;
using System.Text.Json;
using AIaaS.Platform.Problems;
using Microsoft.Extensions.Primitives;

namespace AIaaS.Platform.Security;

/// <summary>
/// The header in which App Service authentication tells who signed in: base64 of
/// <c>{"role_typ":"roles","claims":[{"typ":"roles","val":"trainer"},…]}</c>.
/// </summary>
internal static class ClientPrincipal
{
    public const string Header = "X-MS-CLIENT-PRINCIPAL";
    private const int MaximumLength = 64 * 1024;
    private static readonly string[] SubjectClaims = ["http://schemas.microsoft.com/identity/claims/objectidentifier", "oid", ClaimTypes.NameIdentifier, "sub"];

    public static Authentication Authenticate(StringValues header, string? tenantClaim)
    {
        if (Read(header) is not { } principal)
        {
            return Authentication.Refused(Problem.Unauthenticated, "The sign-in cannot be read. Sign in again, or send a key.");
        }

        var claims = principal.Claims.Where(claim => claim is { Typ: not null, Val: not null }).ToList();
        if (RoleOf(principal.RoleType, claims) is not { } role)
        {
            return Authentication.Refused(
                Problem.Forbidden, "You are signed in, but without one of the app roles 'reader', 'predictor', 'trainer' and 'admin'. Ask for one to be assigned to you.");
        }

        var tenant = Caller.DefaultTenant;
        if (tenantClaim is not null && claims.Find(claim => claim.Typ == tenantClaim) is { } named)
        {
            // Directory ids are the same in either case; names of tenants are in lower case.
            tenant = named.Val!.ToLowerInvariant();
            if (!Names.IsName(tenant))
            {
                return Authentication.Refused(Problem.Forbidden, $"Your claim '{tenantClaim}' does not name a tenant: 1 to 63 characters of a-z, 0-9 and '-'.");
            }
        }

        var subject = SubjectClaims.Select(type => claims.Find(claim => claim.Typ == type)?.Val).FirstOrDefault(value => value is not null);
        return Authentication.Granted(new Caller(tenant, role, $"user:{subject ?? "unnamed"}"));
    }

    private static Role? RoleOf(string? roleType, List<Claim> claims)
    {
        Role? highest = null;
        foreach (var claim in claims)
        {
            if ((claim.Typ == roleType || claim.Typ is "roles" or ClaimTypes.Role)
                && Parse(claim.Val!) is { } role && (highest is null || role > highest))
            {
                highest = role;
            }
        }

        return highest;
    }

    private static Role? Parse(string value) => value.ToLowerInvariant() switch
    {
        "reader" => Role.Reader,
        "predictor" => Role.Predictor,
        "trainer" => Role.Trainer,
        "admin" => Role.Admin,
        _ => null,
    };

    private static Principal? Read(StringValues header)
    {
        if (header is not [{ Length: > 0 and <= MaximumLength } text])
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<Principal>(Convert.FromBase64String(text), JsonSerializerOptions.Web) is { Claims: not null } principal ? principal : null;
        }
        catch (Exception exception) when (exception is FormatException or JsonException)
        {
            return null;
        }
    }

    private sealed record Principal([property: System.Text.Json.Serialization.JsonPropertyName("role_typ")] string? RoleType, IReadOnlyList<Claim> Claims);

    private sealed record Claim(string? Typ, string? Val);
}
