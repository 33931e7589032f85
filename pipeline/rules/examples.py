"""Texts that show what the rules do, and the rules' doctests.

The texts were written for this purpose. Each rule's `examples` are run here: a text that passes,
one that fails, and one that fails although a person would keep it.
"""

from pipeline.rules.table import RULES
from pipeline.rules.verdicts import fails

__all__ = ["CATALOGUE", "CODE", "ESSAY", "MENU", "POEM", "TIMETABLE", "fails"]

ESSAY = """\
土曜日の朝は、商店街の端にある小さなパン屋へ歩いて行くことにしている。店の前には開店を待つ人が五、六人\
ほど並び、焼き上がった食パンの匂いが通りまで流れてくる。
店主は以前、隣町の工場で働いていたそうだ。四十歳を過ぎてから粉の配合を学び直し、祖父の家を改装して店を\
始めたのだと、釣り銭を渡しながら話してくれた。
目当ては胡桃の入った丸いパンで、外側は硬く、内側は驚くほどしっとりしている。家に着くころにはまだ温かく、\
薄く切って何もつけずに食べるのがいちばん旨い。
残りは翌日に軽く焼き、無塩のバターと蜂蜜を少しだけのせる。冷凍しておけば二週間は味が落ちないと教わった\
ので、月末に一度まとめて買うようになった。
先週は雨だったせいか客が少なく、試作だという黒糖のロールを一つおまけしてもらった。次に行くときは感想を\
伝えるつもりでいる。甘さは控えめで、仕事の合間に食べるのにちょうどよかった。
帰り道には川沿いの遊歩道を通る。桜の枝はもう赤みを帯びていて、来月の今ごろには満開になるだろう。水面に\
は鴨が二羽、岸の近くをゆっくりと泳いでいた。"""
"""Running text of 467 characters: it passes every rule."""

POEM = """\
雨のあと
石段に
青い葉ひとつ
だれも
拾わない"""

MENU = """\
珈琲 四百円
紅茶 四百円
抹茶 五百円
煎茶 四百円
汁粉 六百円
団子 三百円"""

TIMETABLE = """\
6:12 6:31 6:48 7:02 7:10 7:18
7:26 7:34 7:42 7:50 7:58 8:06
平日 上り 二番線"""

CATALOGUE = """\
東京都千代田区丸の内一丁目
神奈川県横浜市西区高島二丁目
埼玉県川越市脇田本町
千葉県船橋市本町七丁目"""

CODE = """\
一覧を並べ替えるには次のように書きます。
def sort_users(users):
    return sorted(users, key=lambda user: (user.last_name, user.first_name))
print(sort_users(load_users("members.csv")))"""

__test__ = {rule.name: rule.examples for rule in RULES}
