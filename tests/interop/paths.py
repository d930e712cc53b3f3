"""Spellings of /admin/x, and of what is beside it: each is a path that some server, somewhere, takes for that one (P01-P08)."""

from itertools import product

BEFORE = """
/public/.. /public/../public/.. /public/%2e%2e /public/%2E%2E /public/.%2e /public/%2e. /public/%252e%252e /public/..%2f..
/public/..; /public/..;a=b /public;/.. /public;a=b/.. /public/..%3b /public/.. /public/..%00 /public/..%20 /public/...
/public\\.. /public/..\\ /public%5c.. /public%2f.. /public/..%2f /public/..%5c /public%252f.. /public/%c0%ae%c0%ae /public/%u002e%u002e
/. // /// /.. /; /;a=b /%2e /%2e%2e /%2f /%5c /\\ /./. //. /.// /%20 /%09 /%00 /+ /%252f /%255c /x/.. /x/y/../.. /x//..
/%ef%bc%8e%ef%bc%8e /public/%e2%80%a5 /api /index.php /public
""".split()

BETWEEN = """
/ // /./ /../admin/ %2f %2F %5c %5C \\ ;/ ;a=b/ ;/; %3b/ /%2e/ /.;/ %252f %25%32%66 %255c /%20/ /%00/ %00/ /.. %c0%af %e0%80%af %ef%bc%8f
%e2%88%95 /; /;/ /%3b/ /.%2f /x/../ /x/%2e%2e/ /x/..;/ /x%2f../ /x%5c..%5c ./ ../admin/ %20/ %09/ .. /~/../
""".split()

BEHIND = """
/ // /. /.. /./ /../x /../../admin/x . .. ... ; ;a=b ;/ /; %20 %09 %0a %0d%0a %00 %2e %2f %5c %3b %3f %23 ? ?a=/public ?/../public
# #/../public #public .json .html .php ~ ::$DATA %c0%80 + %2500 %2520 /x /x/.. /%2e%2e/x %25 %zz % %u0020 %e2%80%8b %ad %ff .x/.. /;x
!  $ & ' ( ) * , = : @ | ^ ` { } [ ] < > "
""".split()

NAMES = """
%61dmin %41dmin a%64min ad%6Din %61%64%6d%69%6e %2561dmin %25%36%31dmin adm%c4%b1n adm%C4%B0n %ef%bd%81dmin %ef%bd%81%ef%bd%84min
a%cc%81dmin %c3%a1dmin %e1%b4%80dmin %f0%9d%97%aedmin %c1%a1dmin %e0%81%a1dmin %u0061dmin a%00dmin a%ADdmin a%e2%80%8bdmin %a%64min
a\u0301dmin \uff41dmin adm\u0131n admin. admin.. admin%20 admin%00 admin~ admin;a admin;a=b admin, admin+ admi admin2 administrator xadmin
""".split()


def _cases(word):
    return ["".join(letters) for letters in product(*((char, char.upper()) for char in word))]


def _encoded():
    """/admin/x with each of its characters encoded in turn: once, twice, and by halves."""
    plain = "/admin/x"
    for at in range(1, len(plain)):
        code = f"{ord(plain[at]):02x}"
        for spelling in (f"%{code}", f"%{code.upper()}", f"%25{code}", f"%%3{code[0]}{code[1]}", f"%{code[0]}%3{code[1]}", f"%u00{code}"):
            yield plain[:at] + spelling + plain[at + 1 :]


def corpus():
    """All of them, each once, in an order that stays."""
    found = ["/admin/x", "/admin", "/admin/", "/public", "/", "/x/admin/x", "*", "admin/x", "x:/admin/x", "?/admin/x"]
    found += _encoded()
    found += [f"/{name}/x" for name in [*NAMES, *_cases("admin")]]
    found += ["/admin/X", "/ADMIN/X", "/ADMIN%2Fx", "//ADMIN/x", "/public/../ADMIN/x", "/Admin;/x", "/Admin\\x"]
    found += [f"{before}/admin/x" for before in BEFORE]
    found += [f"{before}admin/x" for before in BEFORE]
    found += [f"/admin{between}x" for between in BETWEEN]
    found += [f"{between}admin/x" for between in BETWEEN]
    found += [f"/admin/x{behind}" for behind in BEHIND]
    found += [f"/admin{behind}" for behind in BEHIND]
    found += [f"/public{between}admin/x" for between in BETWEEN]
    found += [f"/public/..{between}admin/x" for between in BETWEEN]
    found += [f"{before}/{name}/x" for before, name in product(BEFORE[:40:3], ("Admin", "%61dmin", "admin;a", "admin%20", "admin."))]
    found += [f"{before}/admin{between}x" for before, between in product(BEFORE[1:45:4], BETWEEN[1::3])]
    found += [f"{before}/admin/x{behind}" for before, behind in product(BEFORE[2:45:4], BEHIND[:24:4])]
    return list(dict.fromkeys(found))
